-- Forgets what has had its time, so much at once that no run takes long, however much there is: of
-- the list of revocations what has expired, and what rotations answered that nobody may repeat any
-- longer. The portal's links and sessions go a week after their end.
-- $1 how many rows at most, int4.
-- Answers (how many, int8): as many as $1, and there may be others.
--
-- Gateways that do so at the same time find the same rows. They delete them in the order in which
-- they lie, so none waits for another that waits for it. That a row isn't younger than the youngest
-- of the batch says nothing new. But with statistics that have aged PostgreSQL may look for the
-- rows by their age, and would compare all that has had its time with the whole batch.
with tokens as materialized (
  select ctid, expires_at from m2m.revoked_token where expires_at < statement_timestamp() order by expires_at limit $1::int4
)
, ends as materialized (
  select ctid, expires_at from m2m.tokens_ended where expires_at < statement_timestamp() order by expires_at
  limit $1::int4 - (select count(*) from tokens)
)
, answers as materialized (
  select ctid, rotated_at from m2m.idempotency where rotated_at < statement_timestamp() - interval '24 hours' order by rotated_at
  limit $1::int4 - (select count(*) from tokens) - (select count(*) from ends)
)
, links as materialized (
  select ctid, expires_at from m2m.portal_link where expires_at < statement_timestamp() - interval '7 days' order by expires_at
  limit $1::int4 - (select count(*) from tokens) - (select count(*) from ends) - (select count(*) from answers)
)
, sessions as materialized (
  select ctid, expires_at from m2m.portal_session where expires_at < statement_timestamp() - interval '7 days' order by expires_at
  limit $1::int4 - (select count(*) from tokens) - (select count(*) from ends) - (select count(*) from answers)
    - (select count(*) from links)
)
, no_tokens as (
  delete from m2m.revoked_token where ctid = any (array(select ctid from tokens)) and expires_at <= (select max(expires_at) from tokens)
)
, no_ends as (
  delete from m2m.tokens_ended where ctid = any (array(select ctid from ends)) and expires_at <= (select max(expires_at) from ends)
)
, no_answers as (
  delete from m2m.idempotency where ctid = any (array(select ctid from answers)) and rotated_at <= (select max(rotated_at) from answers)
)
, no_links as (
  delete from m2m.portal_link where ctid = any (array(select ctid from links)) and expires_at <= (select max(expires_at) from links)
)
, no_sessions as (
  delete from m2m.portal_session where ctid = any (array(select ctid from sessions))
    and expires_at <= (select max(expires_at) from sessions)
)
select (select count(*) from tokens) + (select count(*) from ends) + (select count(*) from answers) + (select count(*) from links)
  + (select count(*) from sessions)
