# shellcheck shell=bash
# shellcheck disable=SC2154 # tests/bench/run sets what is not set here
# To be sourced by tests/bench/run: one worker, two workers, and two processes of one worker each on
# one database, in turns. With two processes each gets half of the connections.

scaling_second='' scaling_second_url=''

# shellcheck disable=SC2317 # cleanup calls it
stop_others() {
	[[ $scaling_second ]] || return 0
	kill -TERM "$scaling_second" 2>/dev/null || true
	wait "$scaling_second" 2>/dev/null || true
	scaling_second=''
}

scaling_start_second() {
	local port grpc tries
	stack_guess_port port
	stack_guess_port grpc
	M2M_WORKERS=1 M2M_HTTP_LISTEN=127.0.0.1:$port M2M_GRPC_LISTEN=127.0.0.1:$grpc M2M_OPS_LISTEN=127.0.0.1:0 "$bin/m2m-gateway" >>"$tmp/second.log" 2>&1 &
	scaling_second=$! scaling_second_url=http://127.0.0.1:$port
	for ((tries = 0; tries < 100; tries++)); do
		curl -fsS -o /dev/null -d "$(head -n 1 "$tmp/bodies")" "$scaling_second_url/oauth2/token" 2>/dev/null && return
		sleep 0.1
	done
	say 'the second gateway does not answer' && exit 1
}

# scaling_pair CONNECTIONS ROUND: both gateways at once; the figures added up, latencies the worse
# ones.
scaling_pair() {
	local rate since half=$(($1 / 2)) postgres
	postgres=$(head -n 1 "$stack_dir/pg/postmaster.pid")
	rate=$(sign_rate "$alg")
	since=$(ask 'select clock_timestamp()')
	rm -f "$tmp"/tokens.*
	"$bench/load.py" "$scaling_second_url/oauth2/token" "$half" "$seconds" "$tmp/bodies" "$tmp/tokens.second" "server=$scaling_second" >"$tmp/load.second" &
	"$bench/load.py" "$M2M_URL/oauth2/token" "$half" "$seconds" "$tmp/bodies" "$tmp/tokens" "server=$stack_gateway" "postgres=$postgres" >"$tmp/load.first"
	wait $!
	jq -cs '.[0] as $a | .[1] as $b | $a + {requests: ($a.requests + $b.requests), duration_us: ([$a.duration_us, $b.duration_us] | max), errors: ($a.errors + $b.errors),
		non200: ($a.non200 + $b.non200), latency_us: ($a.latency_us | with_entries(.value = ([.value, $b.latency_us[.key]] | max))),
		cpu_s: ($a.cpu_s + {server: ($a.cpu_s.server + $b.cpu_s.server), load: ($a.cpu_s.load + $b.cpu_s.load)}),
		resident: {server: ($a.resident.server + $b.resident.server)}}' "$tmp/load.first" "$tmp/load.second" >"$tmp/load"
	ask "copy (select jti from m2m.token_audit where issued_at >= '$since') to stdout" >"$tmp/stored"
	check_delivered "$tmp/public.pem" "$alg" jti
	row gateway http "$1" 1000 "$2" "$rate" "$tmp/load"
}

run_scaling() {
	local round n workers
	for alg in $algs; do
		gateway_begin
		stack_stop_gateway
		for ((round = 1; round <= rounds; round++)); do
			for n in 32 256; do
				for workers in 1 2; do
					export M2M_WORKERS=$workers
					stack_start_gateway
					gateway_cell http $n 1000 "$round"
					amend --arg text "$workers worker(s)" '. + {label: $text}'
					if ((workers == 2)); then stack_stop_gateway; fi
					if ((workers == 1)); then
						scaling_start_second
						scaling_pair $n "$round"
						amend '. + {label: "2 processes"}'
						stop_others
						stack_stop_gateway
					fi
				done
			done
		done
		unset M2M_WORKERS
	done
}
