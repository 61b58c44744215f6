set local role m2m_owner;

-- client_secret_by_key_and_end (0022) answers whatever this one did.
drop index m2m.client_secret_by_key;
