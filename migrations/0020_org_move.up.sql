-- Organizations that move from one installation to another.
set local role m2m_owner;
