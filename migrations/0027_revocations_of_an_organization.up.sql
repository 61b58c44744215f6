-- A page of the list of revocations for one organization (internal/store/revocations.sql) reads no
-- other's. Without jti in it, or else PostgreSQL would look a token up by it while the table is
-- small. Tokens go on meanwhile; whoever revokes one waits.
set local role m2m_owner;

create index revoked_token_of_organization on m2m.revoked_token (organization_id, expires_at);
