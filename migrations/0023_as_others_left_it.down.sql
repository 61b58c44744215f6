set local role m2m_owner;

drop function m2m.default_client_now(uuid);
drop function m2m.secret_now(text, int);
create index if not exists client_secret_by_key on m2m.client_secret (key_id) where expires_at is null or expires_at > '-infinity';
