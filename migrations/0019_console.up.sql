-- Links and sessions of the console, and what an operator asks there.
set local role m2m_owner;
