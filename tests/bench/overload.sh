# shellcheck shell=bash
# shellcheck disable=SC2154 # tests/bench/run sets what is not set here
# To be sourced by tests/bench/run: twice as many requests as the gateway can serve. The client (wrk, then h2load, which asks at a fixed rate, whatever is answered) has the last core, gateway and
# PostgreSQL have the others, since what refusing costs is the question, not what asking costs.
#
# The peak is what wrk gets over 256 connections. Then h2load offers twice that over 3,500 connections, more than the queue holds, while somebody reads the secret, rotates it, and asks for health ten times a second.
# What is asked, answered and refused is counted from the second second on, when all of them are connected and the queue is full: h2load's log has a line for each answer, with when it was asked
# for (in microseconds), the status, and how long it took.

# shellcheck disable=SC2317 # cleanup calls it
stop_others() { :; }

overload_metric() {
	curl -fsS "http://$stack_ops/metrics" | awk -v name="$1" 'index($0, name) == 1 {sum += $NF} END {print sum + 0}'
}

# overload_round ROUND
overload_round() {
	local peak offered connections=3500 issued refused asked good bad
	rm -f "$tmp"/tokens.*
	taskset -c "$last" "$bench/load.py" "$M2M_URL/oauth2/token" 256 "$seconds" "$tmp/bodies" "$tmp/tokens" "server=$stack_gateway" >"$tmp/load"
	peak=$(jq '.tokens / .duration_us * 1e6 | floor' "$tmp/load")
	offered=$((peak * 2))
	issued=$(overload_metric m2m_tokens_issued_total) refused=$(overload_metric 'm2m_requests_total{operation="oauth_token",transport="rest",outcome="overloaded"}')
	rm -f "$tmp/h2load.log"
	"$bench/probe.py" "$seconds" "$M2M_URL" "http://$stack_ops" "$M2M_ADMIN_TOKEN" >"$tmp/probe" &
	taskset -c "$last" h2load --h1 -t 1 -c "$connections" -D "$seconds" --rps "$(awk "BEGIN {printf \"%.2f\", $offered / $connections}")" -d "$tmp/form" \
		-H 'content-type: application/x-www-form-urlencoded' --log-file="$tmp/h2load.log" "$M2M_URL/oauth2/token" >"$tmp/h2load"
	wait $!
	issued=$(($(overload_metric m2m_tokens_issued_total) - issued))
	refused=$(($(overload_metric 'm2m_requests_total{operation="oauth_token",transport="rest",outcome="overloaded"}') - refused))
	bad=$(awk '$2 != 200 && $2 != 503' "$tmp/h2load.log" | wc -l)
	read -r asked good <<<"$(overload_counts)"
	jq -c --arg alg "$alg" --argjson peak "$peak" --argjson asked "$asked" --argjson good "$good" --argjson bad "$bad" --argjson issued "$issued" --argjson refused "$refused" \
		--argjson refusal "$(overload_percentiles 503)" --argjson answer "$(overload_percentiles 200)" --argjson seconds $((seconds - 1)) \
		'{mode: "overload", alg: $alg, peak: $peak, offered_s: ($asked / $seconds), goodput_s: ($good / $seconds), of_peak: ($good / $seconds / $peak), other_answers: $bad, issued: $issued,
		refused: $refused, refusal_ms: $refusal, token_ms: $answer, probes_ms: .}' "$tmp/probe" >>"$tmp/facts"
	tail -n 1 "$tmp/facts" >&2
}

# overload_counts: what was asked for, and the tokens that came, between the end of the first second and the last one's.
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
	local cores round
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
