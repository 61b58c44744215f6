-- Ends what an operator could still come with: links that weren't used, and tokens with the role
-- operator; console_end.sql ends the sessions. Recorded.
-- $1 to $6 as the part act_origin has them, $7 the operator's name text.
-- Answers (how many int8).
with links as (
  update m2m.console_link l set used_at = clock_timestamp()
  where l.actor = $7::text and l.used_at is null and l.expires_at > clock_timestamp() returning l.link_id
)
, tokens as (
  update m2m.operator_token t set ended_at = clock_timestamp()
  where t.subject = $7::text and t.ended_at is null and t.expires_at > clock_timestamp() returning t.jti
)
, recorded as (
  insert into m2m.admin_audit (action, outcome, detail,
--: origin_columns
    )
  select e.action, 'granted', e.detail || jsonb_build_object('for', $7::text),
--: act_origin
  from (
    select 'end_console_link' as action, jsonb_build_object('link_id', link_id) as detail from links
    union all select 'end_operator_token', jsonb_build_object('jti', jti) from tokens
  ) e
)
select (select count(*) from links) + (select count(*) from tokens)
