set local role m2m_owner;
