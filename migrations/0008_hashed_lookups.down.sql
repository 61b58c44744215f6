set local role m2m_owner;

drop index m2m.client_by_id;
drop index m2m.client_secret_live_by_id;
