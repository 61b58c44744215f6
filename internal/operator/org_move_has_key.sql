-- Whether this installation has the master key. $1 key_id, $2 check_value.
-- Answers one row: null where it isn't known, false where another key has its name.
select (select check_value = $2::bytea from m2m.key_check where key_id = $1::text)
