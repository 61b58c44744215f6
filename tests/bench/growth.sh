# shellcheck shell=bash
# shellcheck disable=SC2154 # tests/bench/run sets what is not set here
# To be sourced by tests/bench/run: the gateway on databases of several sizes, one after another in
# each round, so that the machine's drift meets all of them. ES256 over 256 connections, where the
# database's part is largest.
#
# PostgreSQL has its default settings but for shared_buffers, a quarter of the memory, as its manual
# advises, since nobody keeps ten million clients in 128 MiB; and the system has reserved huge pages
# for that, as the manual advises with it, if whoever runs this may do so (GROWTH_HUGE_PAGES=
# without). Rows that are there beforehand are of this week, whose partition the tokens go to: their
# indexes are the ones that are written.
#
# Where there are many clients, those that ask are spread over all of them, in no order, and each
# load, the warm-up too, has others than the loads before. Before each round what a token looks at
# (the clients, their secrets, and the index of each) is read into shared_buffers, as far as it
# finds room, and the audit's indexes into the kernel's cache: as they would be after a day's work.
# A disk that is read for each client is not what is asked here.
#
#   GROWTH_CLIENTS, GROWTH_ROWS   other sizes, the smallest first

growth_clients=${GROWTH_CLIENTS-1000 1000000 10000000} growth_rows=${GROWTH_ROWS-0 10000000 50000000}
growth_many=100000     # fewer clients than this all ask in each load, again and again
growth_asking_s=30000  # of many, so many ask in a second of a load; more than the gateway answers here

# shellcheck source=tests/bench/bulk_load.sh
. "$bench/bulk_load.sh"

huge_pages=0 huge_pages_before=''

# shellcheck disable=SC2317 # cleanup calls it
stop_others() {
	[[ ! $huge_pages_before ]] || printf '%d\n' "$huge_pages_before" >/proc/sys/vm/nr_hugepages
	huge_pages_before=''
}

# growth_reserve MIB: so much in huge pages, and a little more, until the end.
growth_reserve() {
	local kib before
	[[ ${GROWTH_HUGE_PAGES-yes} && -w /proc/sys/vm/nr_hugepages ]] || return 0
	kib=$(awk '/^Hugepagesize:/ {print $2}' /proc/meminfo) before=$(</proc/sys/vm/nr_hugepages)
	huge_pages=$(($1 * 1024 * 21 / 20 / kib)) huge_pages_before=$before
	printf '%d\n' $((before + huge_pages)) >/proc/sys/vm/nr_hugepages 2>/dev/null || true
	if (($(</proc/sys/vm/nr_hugepages) < before + huge_pages)); then
		say 'the system has not enough huge pages'
		stop_others
		huge_pages=0
	fi
}

growth_use() {
	local at=127.0.0.1:$stack_pg_port/$1
	export M2M_DATABASE_URL=postgresql://m2m_gateway@$at M2M_ADMIN_DATABASE_URL=postgresql://m2m_owner@$at
	superuser=postgresql://postgres@$at
}

growth_label() {
	printf '%s clients, %s rows' "$1" "$2"
}

# growth_database NAME CLIENTS ROWS
growth_database() {
	local begun=$SECONDS known=$((2 * rounds * seconds * growth_asking_s))
	((known < $2)) || known=$2
	export M2M_SIGNING_ALG=$alg M2M_MASTER_KEYS_FILE=$tmp/master.keys
	growth_use "$1"
	stack_sql <<<"create database $1 owner m2m_owner"
	"$bin/m2mctl" migrate up >"$tmp/migrate.log"
	bulk_clients "$superuser" "$2" "$known"
	growth_deal_bodies "$1" "$2"
	(($3 == 0)) || bulk_tokens "$superuser" "$3"
	rm -r "$tmp/clients"
	growth_sizes "$2" "$3" >>"$tmp/facts"
	say "$2 clients and $3 tokens made in $((SECONDS - begun)) s: $(tail -n 1 "$tmp/facts")"
}

# growth_deal_bodies NAME CLIENTS: a file for each load.
growth_deal_bodies() {
	local loads=1
	(($2 < growth_many)) || loads=$((2 * rounds))
	shuf "$tmp/bodies" | split -n "r/$loads" -d -a 4 - "$tmp/bodies.$1."
	rm "$tmp/bodies"
}

# growth_take_bodies NAME LOAD: those of the load, which is counted from 0.
growth_take_bodies() {
	local files=("$tmp/bodies.$1."*)
	cp "${files[$2 % ${#files[@]}]}" "$tmp/bodies"
}

# growth_sizes CLIENTS ROWS: bytes of the tables and of their indexes.
growth_sizes() {
	ask "select json_build_object('size', '$(growth_label "$1" "$2")', 'huge_pages', $huge_pages, 'bytes', json_object_agg(name, json_build_object('total', total, 'indexes', indexes)))
		from (select name, sum(pg_total_relation_size(part)) as total, sum(pg_indexes_size(part)) as indexes
			from unnest('{organization,client,client_secret,token_audit}'::text[]) name
			cross join lateral (select ('m2m.' || name)::regclass as part union select relid from pg_partition_tree(('m2m.' || name)::regclass)) p
			group by name order by name) s"
}

# Blocks of the clients' tables and indexes that were not in shared_buffers, and tokens recorded,
# since ever. Only what ended connections did is counted in full.
growth_counts() {
	ask "select sum(heap_blks_read + idx_blks_read) filter (where relname in ('organization', 'client', 'client_secret')), (select sum(n_tup_ins) from pg_stat_user_tables where relname like 'token_audit%')
		from pg_statio_user_tables where schemaname = 'm2m'"
}

# What the issuing statement reads. Organizations are looked up by an index of those that are
# disabled, which is empty here.
growth_read() {
	bulk_psql "$superuser" -c 'set client_min_messages = warning' -c 'create extension if not exists pg_prewarm' \
		-c "select sum(pg_prewarm(oid, 'read')) from pg_class where relnamespace = 'm2m'::regnamespace and relkind = 'i' and relname like 'token_audit%'" \
		-c "select sum(pg_prewarm(oid)) from pg_class where relnamespace = 'm2m'::regnamespace and relname in ('client', 'client_by_id', 'client_secret', 'client_secret_by_id')" >/dev/null
}

# growth_round NAME CLIENTS ROWS ROUND
growth_round() {
	local reads tokens reads_after tokens_after
	growth_use "$1"
	growth_read
	IFS='|' read -r reads tokens < <(growth_counts)
	stack_start_gateway
	rm -f "$tmp/public.pem"
	growth_take_bodies "$1" $((2 * ($4 - 1)))
	gateway_cell http 256 "$2" 0 3
	growth_take_bodies "$1" $((2 * ($4 - 1) + 1))
	gateway_cell http 256 "$2" "$4"
	stack_stop_gateway
	sleep 1 # connections end
	IFS='|' read -r reads_after tokens_after < <(growth_counts)
	amend --argjson rows "$3" --arg text "$(growth_label "$2" "$3")" --argjson reads $((reads_after - reads)) --argjson tokens $((tokens_after - tokens)) \
		'. + {rows: $rows, label: $text, reads: ($reads / $tokens)}'
}

run_growth() {
	local clients rows round sizes=() size smallest=${growth_clients%% *} quarter
	alg=ES256
	quarter=$(awk '/^MemTotal:/ {print int($2 / 4096)}' /proc/meminfo)
	growth_reserve "$quarter"
	stack_sql <<<"alter system set shared_buffers = '${quarter}MB'"
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
