# shellcheck shell=bash
# shellcheck disable=SC2154 # tests/bench/run sets what is not set here
# To be sourced by tests/bench/run: the gateway on databases of several sizes, one after another in each round, so that the machine's drift meets all of them. ES256 over 256 connections, where
# the database's part is largest.
#
# PostgreSQL has its default settings but for shared_buffers, a gigabyte, since nobody keeps ten million clients in 128 MiB. Rows that are there beforehand are of this week, whose partition the
# tokens go to: their indexes are the ones that are written.
#
#   GROWTH_CLIENTS, GROWTH_ROWS   other sizes, the smallest first

growth_clients=${GROWTH_CLIENTS-1000 1000000 10000000} growth_rows=${GROWTH_ROWS-0 10000000 50000000}

# shellcheck disable=SC2317 # cleanup calls it
stop_others() { :; }

# growth_database NAME CLIENTS ROWS
growth_database() {
	local known=$(($2 < 100000 ? $2 : 100000))
	export M2M_SIGNING_ALG=$alg M2M_MASTER_KEYS_FILE=$tmp/master.keys
	growth_use "$1"
	say "making $2 clients and $3 tokens"
	stack_sql <<<"create database $1 owner m2m_owner"
	"$bin/m2mctl" migrate up >"$tmp/migrate.log"
	"$bin/m2mctl" org create demo >"$tmp/demo"
	populate "$2" "$known"
	mv "$tmp/bodies" "$tmp/bodies.$1"
	(($3 == 0)) && return
	growth_fill "$3" 0 2 &
	growth_fill "$3" 1 2
	wait $!
	ask 'vacuum analyze m2m.token_audit'
}

# growth_fill ROWS WHICH OF: one part of the rows, with times that go up as a gateway's do, from the beginning of the week on.
growth_fill() {
	ask "insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport, client_id, kid, caller, scope, audience, remote_addr, user_agent)
		select at, at + interval '1 day', (substr(h, 1, 12) || '7' || substr(md5(i::text), 1, 19))::uuid, c.organization_id, gen_random_uuid(),
			(substr(h, 1, 12) || '70008000000000000000')::uuid, 1, 'r', c.client_id, 'growth', c.client_id, 'api', 'public-api', '10.0.0.1', 'bench'
		from generate_series($2, $1 - 1, $3) i
		cross join lateral (select date_trunc('week', now()) + i * (now() - date_trunc('week', now())) / $1 as at) a
		cross join lateral (select lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') as h) b
		join (select row_number() over () - 1 as n, client_id, organization_id from (select * from m2m.client limit 1000) l) c on c.n = i * 7919::bigint % (select least(1000, count(*)) from m2m.client)"
}

growth_use() {
	export M2M_DATABASE_URL=postgresql://m2m_gateway@127.0.0.1:$stack_pg_port/$1 M2M_ADMIN_DATABASE_URL=postgresql://m2m_owner@127.0.0.1:$stack_pg_port/$1
}

# growth_round NAME CLIENTS ROWS ROUND
growth_round() {
	growth_use "$1"
	stack_start_gateway
	cp "$tmp/bodies.$1" "$tmp/bodies"
	rm -f "$tmp/public.pem"
	gateway_cell http 256 "$2" 0 3
	gateway_cell http 256 "$2" "$4"
	amend --argjson rows "$3" '. + {rows: $rows, label: "\(.clients) clients, \($rows) rows"}'
	stack_stop_gateway
}

run_growth() {
	local clients rows round sizes=() size smallest=${growth_clients%% *}
	alg=ES256
	stack_sql <<<"alter system set shared_buffers = '1GB'"
	stack_pg_ctl restart -s -w -t 60 -l "$stack_dir/pg/postgres.log" -o "-p $stack_pg_port -c listen_addresses=127.0.0.1 -c unix_socket_directories=" >/dev/null
	stack_sql <<<"alter system set fsync = off; select pg_reload_conf();" >/dev/null
	for clients in $growth_clients; do sizes+=("$clients 0"); done
	for rows in $growth_rows; do
		((rows == 0)) || sizes+=("$smallest $rows")
	done
	for size in "${sizes[@]}"; do
		# shellcheck disable=SC2086 # two words
		growth_database "growth_${size// /_}" $size
	done
	stack_sql <<<"alter system set fsync = on; select pg_reload_conf(); checkpoint;" >/dev/null
	for ((round = 1; round <= rounds; round++)); do
		for size in "${sizes[@]}"; do
			# shellcheck disable=SC2086
			growth_round "growth_${size// /_}" $size "$round"
		done
	done
}
