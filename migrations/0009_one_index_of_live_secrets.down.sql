set local role m2m_owner;

create index client_secret_live on m2m.client_secret (client_id, version)
	where expires_at is null or expires_at > '-infinity';
