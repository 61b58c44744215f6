-- Forgets what is in the list of revocations and has expired, a batch of it, so that no run takes
-- long, however much there is.
-- $1 how many of each kind at most, int4.
-- Answers (how many of the kind of which there were more, int8): as many as $1, and there may be
-- others.
--
-- Gateways that do so at the same time find the same rows. They delete them in the order in which
-- they lie, so none waits for another that waits for it. That a row isn't younger than the youngest
-- of the batch says nothing new: with statistics that have aged PostgreSQL may look for the rows by
-- their age, and would compare all that expired with the whole batch.
with tokens as materialized (
  select ctid, expires_at from m2m.revoked_token where expires_at < statement_timestamp() order by expires_at limit $1::int4
)
, ends as materialized (
  select ctid, expires_at from m2m.tokens_ended where expires_at < statement_timestamp() order by expires_at limit $1::int4
)
, no_tokens as (
  delete from m2m.revoked_token where ctid = any (array(select ctid from tokens)) and expires_at <= (select max(expires_at) from tokens)
)
, no_ends as (
  delete from m2m.tokens_ended where ctid = any (array(select ctid from ends)) and expires_at <= (select max(expires_at) from ends)
)
select greatest((select count(*) from tokens), (select count(*) from ends))
