set local role m2m_owner;

create index client_organization on m2m.client (organization_id);
drop index m2m.client_in_organization;
drop function m2m.clients_last_used(text[]);
drop function m2m.signing_key_first(text, text, text, bytea, text);
drop function m2m.operator_ends_session(bytea, uuid, text, uuid, "char", text, text, text, uuid);
