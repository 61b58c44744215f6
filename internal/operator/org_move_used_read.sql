-- What was used once and isn't refused for its age yet, as JSON arrays. $1 snapshot as text or
-- null: what was committed since. What an entry is of can't be told from it, so the target gets
-- them all.
select jsonb_agg(jsonb_build_array(u.slot, u.hash, u.expires_at))::text
from m2m.used_once u, lateral (select pg_snapshot_xmax(pg_current_snapshot())::text::int8 as top, u.xmin::text::int8 as low) x
where u.expires_at > statement_timestamp() and ($1::text is null or not pg_visible_in_snapshot(
  ((x.top >> 32 << 32 | x.low) - case when x.low > (x.top & 4294967295) then 4294967296 else 0 end)::text::xid8, $1::text::pg_snapshot))
group by u.slot, get_byte(u.hash, 0) / 16
