set local role m2m_owner;

drop index m2m.revoked_token_of_organization;
