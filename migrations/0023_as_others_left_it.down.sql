set local role m2m_owner;

create index client_secret_by_key on m2m.client_secret (key_id) where expires_at is null or expires_at > '-infinity';
