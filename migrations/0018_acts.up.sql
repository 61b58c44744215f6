-- Acts as the API lists them, and who made each version of a secret.
set local role m2m_owner;
