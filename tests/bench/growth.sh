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

# shellcheck source=tests/bench/bulk_load.sh
. "$bench/bulk_load.sh"

# shellcheck disable=SC2317 # cleanup calls it
stop_others() { :; }

growth_use() {
	local at=127.0.0.1:$stack_pg_port/$1
	export M2M_DATABASE_URL=postgresql://m2m_gateway@$at M2M_ADMIN_DATABASE_URL=postgresql://m2m_owner@$at
	superuser=postgresql://postgres@$at
}

# growth_database NAME CLIENTS ROWS
growth_database() {
	local begun=$SECONDS known=$(($2 < 100000 ? $2 : 100000))
	export M2M_SIGNING_ALG=$alg M2M_MASTER_KEYS_FILE=$tmp/master.keys
	growth_use "$1"
	stack_sql <<<"create database $1 owner m2m_owner"
	"$bin/m2mctl" migrate up >"$tmp/migrate.log"
	bulk_clients "$superuser" "$2" "$known"
	mv "$tmp/bodies" "$tmp/bodies.$1"
	(($3 == 0)) || bulk_tokens "$superuser" "$3"
	rm -r "$tmp/clients"
	say "$2 clients and $3 tokens made in $((SECONDS - begun)) s"
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
	bulk_restart
	for clients in $growth_clients; do sizes+=("$clients 0"); done
	for rows in $growth_rows; do
		((rows == 0)) || sizes+=("$smallest $rows")
	done
	bulk_begin
	for size in "${sizes[@]}"; do
		# shellcheck disable=SC2086 # two words
		growth_database "growth_${size// /_}" $size
	done
	bulk_end
	say "all of it made in $SECONDS s"
	for ((round = 1; round <= rounds; round++)); do
		for size in "${sizes[@]}"; do
			# shellcheck disable=SC2086
			growth_round "growth_${size// /_}" $size "$round"
		done
	done
}
