# shellcheck shell=bash
# shellcheck disable=SC2154 # tests/bench/run sets what is not set here
# To be sourced by tests/bench/run: what each way in costs. 256 connections, ES256, 1,000 clients;
# in each round the same gateway is asked for tokens with secrets, for tokens with ES256 assertions,
# and about 1,000 live tokens (RFC 7662). So the ratios are of the same minute.
#
# An assertion is good for one token: they are signed before each load, as many as it can show, and
# wrk reads them from a file, one for each request. Secrets are read from a file as long, so that
# the load generator has the same work. A load that shows all it has fails, since it would begin
# again.
#
#   AUTH_ASSERTIONS   how many are made for each second of a load (default 25000)

auth_rate=${AUTH_ASSERTIONS-25000}

# auth_rates: signatures and verifications a second of one core, ES256.
auth_rates() {
	openssl speed -seconds 1 ecdsap256 2>/dev/null | awk '/nistp256/ {print $(NF - 1), $NF}'
}

# auth_label NAME: what the last load was, and what one core signed and verified beside it.
auth_label() {
	amend --arg name "$1" --argjson signed "${auth_speed% *}" --argjson verified "${auth_speed#* }" \
		'. + {"label": $name, sign_rate: $signed, verify_rate: $verified}'
}

# auth_tokens NAME BODIES ROUND SECONDS
auth_tokens() {
	mv "$tmp/bodies" "$tmp/bodies.kept" && mv "$2" "$tmp/bodies"
	gateway_cell http 256 1000 "$3" "$4"
	auth_label "$1"
	mv "$tmp/bodies" "$2" && mv "$tmp/bodies.kept" "$tmp/bodies"
}

# Who may ask about any token: a resource server.
auth_introspect() { # ROUND SECONDS
	local postgres
	postgres=$(head -n 1 "$stack_dir/pg/postmaster.pid")
	head -qn 1000 "$tmp"/tokens.* | head -n 1000 |
		sed "s/.*/client_id=$M2M_CLIENT_ID\&client_secret=$M2M_CLIENT_SECRET\&token=&/" >"$tmp/introspect"
	"$bench/load.py" "$M2M_URL/oauth2/introspect" 256 "$2" "$tmp/introspect" "$tmp/active" "server=$stack_gateway" "postgres=$postgres" >"$tmp/load"
	delivered=$(jq .tokens "$tmp/load")
	row gateway http 256 1000 "$1" "${auth_speed% *}" "$tmp/load"
	auth_label introspection
}

# auth_round ROUND SECONDS
auth_round() {
	auth_speed=$(auth_rates)
	auth_tokens secrets "$tmp/secrets" "$1" "$2"
	auth_introspect "$1" "$2"
	"$bin/tests/bench/make_assertions" bodies "$tmp/auth" "$M2M_ISSUER" $((auth_rate * $2)) 300
	auth_tokens assertions "$tmp/auth/assertions" "$1" "$2"
	if (($(tail -n 1 "$tmp/cells" | jq .requests) > auth_rate * $2)); then
		say "there were fewer assertions than requests: AUTH_ASSERTIONS=$((auth_rate * 2))"
		exit 1
	fi
}

# What is remembered of assertions: bytes of one with its index, and how long it takes to forget an
# hour of them.
auth_used_once() {
	local before after ms
	before=$(ask "select sum(pg_total_relation_size(relid)) from pg_partition_tree('m2m.used_once')")
	ask "insert into m2m.used_once select mod(h, 32)::int2, decode(md5(n::text), 'hex'), to_timestamp(h * 3600) from generate_series(1, $auth_entries) n,
		(select floor(extract(epoch from clock_timestamp()) / 3600)::bigint - 3 as h) t"
	after=$(ask "select sum(pg_total_relation_size(relid)) from pg_partition_tree('m2m.used_once')")
	ms=$("$stack_pg_bin/psql" -XqAt "$M2M_DATABASE_URL" <<<'\timing on
		select m2m.used_once_forget() as emptied \gset' | sed -nE 's/^Time: ([0-9.]+) ms.*/\1/p')
	jq -nc --argjson bytes $((after - before)) --argjson entries "$auth_entries" --argjson ms "${ms:-null}" \
		'{used_once: {entries: $entries, bytes_per_entry: ($bytes / $entries), drop_ms: $ms}}' >>"$tmp/facts"
}

run_auth() {
	local round n alg=ES256
	auth_entries=${AUTH_ENTRIES-1000000}
	gateway_begin
	"$bin/m2mctl" client set --org demo --role resource_server >/dev/null
	mkdir "$tmp/auth"
	sed -E 's/.*client_id=([^&]*).*/\1/' "$tmp/bodies" | "$bin/tests/bench/make_assertions" keys "$tmp/auth"
	ask "\\copy m2m.client_credential (client_id, credential_id, kind, public_jwk) from '$tmp/auth/client_credential'"
	ask "update m2m.client set auth_methods = '{secret,key}'"
	ask 'vacuum analyze m2m.client, m2m.client_credential'
	for ((n = 0; n < 20; n++)); do cat "$tmp/bodies"; done >"$tmp/secrets"
	auth_round 0 3 # the first one, which nobody counts: workers learn the keys
	for ((round = 1; round <= rounds; round++)); do auth_round "$round" "$seconds"; done
	auth_used_once
	stack_stop_gateway
}
