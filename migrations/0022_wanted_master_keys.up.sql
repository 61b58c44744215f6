-- Whether a live secret still needs a master key, by one row of an index, however many that key had.
-- 0023 drops the index that this one replaces: a transaction that builds one and drops another
-- first keeps writers from the table and then readers, and deadlocks with a rotation in between.
set local role m2m_owner;

-- Of each key's secrets the one that ends last, or never, is live if any is.
create index client_secret_by_key_and_end on m2m.client_secret (key_id, expires_at) where expires_at is null or expires_at > '-infinity';
