set local role m2m_owner;

drop table m2m.portal_session;
drop table m2m.portal_link;
drop function m2m.portal_is_final();
