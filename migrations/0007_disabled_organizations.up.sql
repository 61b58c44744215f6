-- Who is issued a token has to belong to an organization that isn't disabled. Few are, so it is cheaper to look among those than to read each client's organization: with millions of clients
-- that is two pages fewer for a token, an index's and a table's, that would have to be in memory.
set local role m2m_owner;

create index organization_disabled on m2m.organization (organization_id) where disabled_at is not null;
