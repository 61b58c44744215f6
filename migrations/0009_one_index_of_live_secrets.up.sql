-- 0008 made another one for the same rows. A transaction of its own: in 0008's, tokens would wait for the whole of it, since this locks readers out.
set local role m2m_owner;

drop index m2m.client_secret_live;
