set local role m2m_owner;

drop function m2m.clients_last_used(text[]);
drop function m2m.signing_key_first(text, text, text, bytea, text);
drop function m2m.operator_ends_session(bytea, uuid, text, uuid, "char", text, text, text, uuid);
