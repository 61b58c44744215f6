set local role m2m_owner;

create index client_secret_live_by_id on m2m.client_secret using hash (client_id)
	where expires_at is null or expires_at > '-infinity';
create index client_secret_by_key_and_end on m2m.client_secret (key_id, expires_at) where expires_at is null or expires_at > '-infinity';
