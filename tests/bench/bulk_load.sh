# shellcheck shell=bash
# shellcheck disable=SC2154 # tests/bench/run sets what is not set here
# To be sourced by tests/bench/growth.sh: clients and tokens by the million, in minutes, into a
# database that looks afterwards as if they had come one by one.
#
#   bulk_begin                PostgreSQL gets settings for loading: nothing is durable
#   bulk_clients URL N KNOWN  N organizations with a client each take the place of all that are
#                             there; form bodies of KNOWN of them in $tmp/bodies
#   bulk_tokens URL N         N tokens of these clients, recorded in this week
#   bulk_end                  all is on the disk, and the settings are those of before
#
# URL is a superuser's. Tables lose their indexes and constraints and get them again from their own
# definitions; that nothing about the schema or the settings has changed is compared at the end.

# Without replication, tables that are filled in the transaction that emptied them, and indexes that
# are made anew, write no WAL.
bulk_settings=(fsync=off full_page_writes=off wal_level=minimal max_wal_senders=0 max_wal_size=8GB checkpoint_timeout=1h autovacuum=off maintenance_work_mem=1GB)

bulk_psql() {
	"$stack_pg_bin/psql" -XqAt -v ON_ERROR_STOP=1 "$@"
}

# bulk_restart [SETTING...]
bulk_restart() {
	stack_pg_ctl stop -s -w -m fast -t 600
	stack_as_postgres "$stack_pg_bin/initdb" --sync-only -D "$stack_dir/pg" >/dev/null
	stack_pg_ctl start -s -w -t 60 -l "$stack_dir/pg/postgres.log" \
		-o "-p $stack_pg_port -c listen_addresses=127.0.0.1 -c unix_socket_directories= ${*/#/-c }" >/dev/null
}

bulk_show_settings() {
	stack_sql <<<'select name, setting, unit from pg_settings order by name'
}

bulk_begin() {
	bulk_show_settings >"$tmp/settings.before"
	bulk_restart "${bulk_settings[@]}"
}

bulk_end() {
	bulk_restart
	stack_sql <<<checkpoint
	bulk_show_settings >"$tmp/settings.after"
	diff "$tmp/settings.before" "$tmp/settings.after" >&2 || { say 'the settings are not those of before' && exit 1; }
}

# bulk_show_schema URL
bulk_show_schema() {
	"$stack_pg_bin/psql" -Xq -v ON_ERROR_STOP=1 "$1" -c '\d+ m2m.*' -c '\dp m2m.*'
}

# bulk_take_apart URL: drops the indexes and constraints of the clients' tables; what makes them
# again is in $tmp/again.TABLE, and the foreign keys, which want all of the tables, in $tmp/again.
bulk_take_apart() {
	bulk_psql "$1" -v tables='{m2m.organization,m2m.client,m2m.client_secret}' <<-SQL
		create temp table mine as select unnest(:'tables'::regclass[]) as oid;
		-- one command a table, so that it is read once for all its checks
		create temp table again as
			select conrelid as of, 1 as step, format('alter table %s %s', conrelid::regclass, string_agg(format('add constraint %I %s', conname, pg_get_constraintdef(oid)), ', ' order by contype, conname)) as sql
			from pg_constraint where conrelid in (table mine) and contype <> 'f' group by conrelid
			union all select i.indrelid, 2, pg_get_indexdef(i.indexrelid)
			from pg_index i where i.indrelid in (table mine) and not exists (select from pg_constraint c where c.conrelid = i.indrelid and c.conindid = i.indexrelid and c.contype <> 'f')
			union all select null, 3, format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
			from pg_constraint where contype = 'f' and (conrelid in (table mine) or confrelid in (table mine));
		\\o $tmp/again
		select sql || ';' from again where step = 3;
		\\o $tmp/again.organization
		select sql || ';' from again where of = 'm2m.organization'::regclass order by step;
		\\o $tmp/again.client
		select sql || ';' from again where of = 'm2m.client'::regclass order by step;
		\\o $tmp/again.client_secret
		select sql || ';' from again where of = 'm2m.client_secret'::regclass order by step;
		\\o
		select format('alter table %s drop constraint %I', conrelid::regclass, conname)
			from pg_constraint where conrelid in (table mine) or confrelid in (table mine) order by contype <> 'f' \\gexec
		select format('drop index %s', indexrelid::regclass) from pg_index where indrelid in (table mine) \\gexec
	SQL
}

# bulk_table URL TABLE: rows that are written in the transaction that emptied the table can be
# frozen at once. As a replica no trigger is run for them.
bulk_table() {
	bulk_psql "$1" <<-SQL
		set session_replication_role = replica;
		begin;
		truncate m2m.$2;
		\\copy m2m.$2 (${client_columns[$2]}) from '$tmp/clients/$2' (freeze)
		commit;
		\\i $tmp/again.$2
	SQL
}

bulk_clients() {
	local table sessions=() session
	mkdir -p "$tmp/clients"
	"$bin/tests/bench/make_clients" "$tmp/master.keys" "$2" "$3" "$tmp/clients"
	mv "$tmp/clients/bodies" "$tmp/bodies"
	bulk_show_schema "$1" >"$tmp/schema.before"
	bulk_take_apart "$1"
	for table in "${!client_columns[@]}"; do
		bulk_table "$1" "$table" &
		sessions+=($!)
	done
	for session in "${sessions[@]}"; do wait "$session"; done
	bulk_psql "$1" -f "$tmp/again" -c 'vacuum analyze m2m.organization, m2m.client, m2m.client_secret'
	bulk_show_schema "$1" >"$tmp/schema.after"
	diff "$tmp/schema.before" "$tmp/schema.after" >&2 || { say 'the schema is not that of before' && exit 1; }
}

# The indexes stay, since filling them takes little longer than making them again, and they are then
# as a gateway's inserts leave them.
bulk_tokens() {
	local week partition
	read -r partition week < <(bulk_psql -F ' ' "$1" -c "select 'm2m.token_audit_p' || to_char(w at time zone 'UTC', 'YYYYMMDD'), extract(epoch from w)::bigint from date_trunc('week', now(), 'UTC') w")
	"$bin/tests/bench/make_tokens" "$tmp/clients/client" "$2" "$week" "$(date +%s)" |
		bulk_psql "$1" -c 'set session_replication_role = replica' -c begin -c "truncate $partition" -c "copy $partition from stdin (format binary, freeze)" -c commit \
			-c 'vacuum analyze m2m.token_audit'
}
