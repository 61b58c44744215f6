# shellcheck shell=bash
# shellcheck disable=SC2154 # tests/bench/run sets what is not set here
# To be sourced by tests/bench/run: twice as many requests as the gateway can serve. The client
# (wrk, then h2load, which asks at a fixed rate, whatever is answered) has the last core, gateway
# and PostgreSQL have the others, since what refusing costs is the question, not what asking costs.
#
# The peak is what wrk gets over 256 connections. Then h2load offers twice that over 2,000
# connections, more than the queue holds, while somebody reads the secret, rotates it, and asks for
# health ten times a second. (It asks on all of them within some milliseconds, and again when each
# has its turn: with many more, the queue would be empty before the next turn.) What is asked,
# answered and refused is counted from the second second on, when all of them are connected and the
# queue is full: h2load's log has a line for each answer, with when it was asked for (in
# microseconds), the status, and how long it took.
#
# An answer to each request costs a read and a write, so twice the peak can't be offered for
# nothing. What it costs at the least is measured beside it, with a server that does nothing else
# (bare_server.c) on the same cores and for the same client: where a token takes t of the cores and
# such an answer b, no more than (t - 2 b) / (t - b) of the peak is possible.

# shellcheck disable=SC2317 # cleanup calls it
bare=''
stop_others() {
	[[ $bare ]] || return 0
	kill -TERM "$bare" 2>/dev/null || true
	wait "$bare" 2>/dev/null || true
	bare=''
}

overload_metric() {
	curl -fsS "http://$stack_ops/metrics" | awk -v name="$1" 'index($0, name) == 1 {sum += $NF} END {printf "%.6f\n", sum}'
}

# overload_since NAME BEFORE
overload_since() {
	awk "BEGIN {print $(overload_metric "$1") - $2}"
}

# offer URL RATE: what h2load says of it is in $tmp/h2load.log.
offer() {
	rm -f "$tmp/h2load.log"
	taskset -c "$last" h2load --h1 -t 1 -c "$connections" -D "$seconds" --rps "$(awk "BEGIN {printf \"%.2f\", $2 / $connections}")" -d "$tmp/form" \
		-H 'content-type: application/x-www-form-urlencoded' --log-file="$tmp/h2load.log" "$1" >"$tmp/h2load"
}

# bare_cost RATE: the microseconds of CPU that a bare answer takes when that many are asked for.
bare_cost() {
	local ticks
	rm -f "$tmp/bare.port"
	"$bin/tests/bench/bare_server" "$tmp/bare.port" &
	bare=$!
	until [[ -s $tmp/bare.port ]]; do sleep 0.05; done
	offer "http://127.0.0.1:$(<"$tmp/bare.port")/oauth2/token" "$1"
	ticks=$(awk '{sub(/.*\) /, ""); print $12 + $13}' "/proc/$bare/stat")
	stop_others
	awk -v t="$ticks" -v hz="$(getconf CLK_TCK)" '$2 == 503 {n++} END {printf "%.2f\n", t / hz / n * 1e6}' "$tmp/h2load.log"
}

# overload_round ROUND
overload_round() {
	local peak offered bare_us token_us cpu issued refused asked good bad
	rm -f "$tmp"/tokens.*
	taskset -c "$last" "$bench/load.py" "$M2M_URL/oauth2/token" 256 "$seconds" "$tmp/bodies" "$tmp/tokens" "server=$stack_gateway" >"$tmp/load"
	peak=$(jq '.tokens / .duration_us * 1e6 | floor' "$tmp/load") token_us=$(jq '.cpu_s.server / .tokens * 1e6' "$tmp/load")
	offered=$((peak * 2))
	bare_us=$(bare_cost "$offered")
	issued=$(overload_metric m2m_tokens_issued_total) refused=$(overload_metric "$refusals") cpu=$(overload_metric process_cpu_seconds_total)
	"$bench/probe.py" "$seconds" "$M2M_URL" "http://$stack_ops" "$M2M_ADMIN_TOKEN" >"$tmp/probe" &
	offer "$M2M_URL/oauth2/token" "$offered"
	wait $!
	bad=$(awk '$2 != 200 && $2 != 503' "$tmp/h2load.log" | wc -l)
	read -r asked good <<<"$(overload_counts)"
	jq -c --arg alg "$alg" --argjson peak "$peak" --argjson asked "$asked" --argjson good "$good" --argjson bad "$bad" --argjson seconds $((seconds - 1)) \
		--argjson issued "$(overload_since m2m_tokens_issued_total "$issued")" --argjson refused "$(overload_since "$refusals" "$refused")" \
		--argjson cpu "$(overload_since process_cpu_seconds_total "$cpu")" --argjson token_us "$token_us" --argjson bare_us "$bare_us" \
		--argjson refusal "$(overload_percentiles 503)" --argjson answer "$(overload_percentiles 200)" \
		'(1e6 / $peak) as $t
		| {mode: "overload", alg: $alg, peak: $peak, offered_s: ($asked / $seconds), goodput_s: ($good / $seconds), of_peak: ($good / $seconds / $peak), other_answers: $bad, issued: $issued, refused: $refused,
		refusal_us: (($cpu * 1e6 - $issued * $token_us) / $refused), bare_us: $bare_us, possible: (($t - 2 * $bare_us) / ($t - $bare_us)),
		refusal_ms: $refusal, token_ms: $answer, probes_ms: .}' "$tmp/probe" >>"$tmp/facts"
	tail -n 1 "$tmp/facts" >&2
}

# overload_counts: what was asked for, and the tokens that came, between the end of the first second
# and the last one's.
overload_counts() {
	awk -v seconds="$seconds" 'NR == FNR {if (NR == 1 || $1 < first) first = $1; next}
		{at = $1 - first; done = at + $3}
		at >= 1e6 && at < seconds * 1e6 {asked++}
		$2 == 200 && done >= 1e6 && done < seconds * 1e6 {good++}
		END {print asked + 0, good + 0}' "$tmp/h2load.log" "$tmp/h2load.log"
}

# overload_percentiles STATUS: p50, p99 and the most, in milliseconds.
overload_percentiles() {
	awk -v s="$1" '$2 == s {print $3 / 1000}' "$tmp/h2load.log" | sort -n | awk '{v[NR] = $1} END {if (NR == 0) print "null"; else printf "{\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}", v[int((NR + 1) / 2)], v[int(NR * 0.99 + 0.5)], v[NR]}'
}

run_overload() {
	local cores round connections=2000 refusals='m2m_requests_total{operation="oauth_token",transport="rest",outcome="overloaded"}'
	cores=$(nproc)
	((cores > 1)) || { say 'there is one core only' && exit 1; }
	last=$((cores - 1))
	taskset -pc "0-$((last - 1))" $$ >/dev/null
	stack_pg_ctl restart -s -w -t 60 -l "$stack_dir/pg/postgres.log" -o "-p $stack_pg_port -c listen_addresses=127.0.0.1 -c unix_socket_directories=" >/dev/null
	for alg in $algs; do
		gateway_begin
		for ((round = 1; round <= rounds; round++)); do overload_round; done
		stack_stop_gateway
	done
}
