set local role m2m_owner;

drop function m2m.organization_tokens(uuid, text, uuid, int, inet, timestamptz, timestamptz, timestamptz, uuid, int);
drop function m2m.audit_health();
