set local role m2m_owner;

drop index m2m.organization_disabled;
