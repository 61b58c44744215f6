set local role m2m_owner;

drop function m2m.console_forget();
drop function m2m.operator_holds(bytea, uuid, text);
drop function m2m.console_use(bytea, uuid);
drop function m2m.console_open(bytea, uuid, bytea, uuid, "char", text, text, text);
drop table m2m.operator_token;
drop table m2m.console_session;
drop table m2m.console_link;
drop function m2m.console_is_final();
