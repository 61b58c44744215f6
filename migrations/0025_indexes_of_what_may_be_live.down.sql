set local role m2m_owner;

drop index m2m.client_secret_by_key_until;
drop index m2m.client_secret_by_id;
