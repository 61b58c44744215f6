-- Makes a console link, and records it.
-- $1 to $6 as the part act_origin has them, $7 link_id uuid, $8 code_hash bytea, $9 the operator's
-- name text, $10 may text[], $11 seconds that it is good for int4.
-- Answers (expires_at).
with made as (
  insert into m2m.console_link (link_id, code_hash, actor, may, made_by, made_at, expires_at)
  values ($7::uuid, $8::bytea, $9::text, $10::text[], $1::text, statement_timestamp(), statement_timestamp() + make_interval(secs => $11::int4))
  returning link_id, expires_at
)
, recorded as (
  insert into m2m.admin_audit (action, outcome, detail,
--: origin_columns
    )
  select 'make_console_link', 'granted', jsonb_build_object('link_id', made.link_id, 'for', $9::text, 'may', to_jsonb($10::text[]),
    'expires_at', made.expires_at),
--: act_origin
  from made
)
select expires_at from made
