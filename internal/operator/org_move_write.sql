-- Writes units at the target. $1 part, $2 what org_move_read.sql answers.
--
-- Whole rows, by the tables' own columns: both ends have this program's schema.
with doc as materialized (select value as d from jsonb_array_elements($2::text::jsonb))
, client as (
  insert into m2m.client select r.* from doc cross join lateral jsonb_populate_record(null::m2m.client, d -> 'client') r
  where $1::text = 'client'
)
, secrets as (
  insert into m2m.client_secret select r.* from doc cross join lateral jsonb_populate_recordset(null::m2m.client_secret, d -> 'secrets') r
  where $1::text = 'client'
)
, credentials as (
  insert into m2m.client_credential
  select r.* from doc cross join lateral jsonb_populate_recordset(null::m2m.client_credential, d -> 'credentials') r
  where $1::text = 'client'
)
, looks as (
  insert into m2m.secret_unused_look
  select r.* from doc cross join lateral jsonb_populate_recordset(null::m2m.secret_unused_look, d -> 'looks') r
  where $1::text = 'client'
)
, revoked as (
  insert into m2m.revoked_token select r.* from doc cross join lateral jsonb_populate_record(null::m2m.revoked_token, d) r
  where $1::text = 'revoked' on conflict do nothing
)
, ended as (
  insert into m2m.tokens_ended select r.* from doc cross join lateral jsonb_populate_record(null::m2m.tokens_ended, d) r
  where $1::text = 'ended'
)
insert into m2m.idempotency select r.* from doc cross join lateral jsonb_populate_record(null::m2m.idempotency, d) r
where $1::text = 'replay'
