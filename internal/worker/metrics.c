/* Prometheus text exposition: the workers' counters added up at the moment of asking. */
#include <inttypes.h>

#include "base/log.h"
#include "base/reserve.h"
#include "crypto/group_verifier.h"
#include "loop/accept.h"
#include "worker/process_metrics.h"
#include "worker/worker_parts.h"

static uint64_t load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void head(struct sbuf *out, const char *name, const char *type, const char *help)
{
	sbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put(struct sbuf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	head(out, name, type, help);
	sbuf_printf(out, "%s %" PRIu64 "\n", name, value);
}

/* ---- histograms ---- */

/* `label`: NAME="value", or "" for none. `unit`: how many of the scale's units make one of the
 * metric's. */
static void put_series(struct sbuf *out, const char *name, const char *label, const struct histogram_sum *sum,
		       const struct histogram_scale *scale, double unit)
{
	const char *comma = *label == '\0' ? "" : ",";
	const char *open = *label == '\0' ? "" : "{", *shut = *label == '\0' ? "" : "}";
	uint64_t so_far = 0;
	for (unsigned i = 0; i < scale->n; i++) {
		so_far += sum->counts[i];
		sbuf_printf(out, "%s_bucket{%s%sle=\"%.10g\"} %" PRIu64 "\n", name, label, comma, (double)scale->bounds[i] / unit, so_far);
	}
	sbuf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, label, comma, sum->total);
	sbuf_printf(out, "%s_sum%s%s%s %.10g\n%s_count%s%s%s %" PRIu64 "\n", name, open, label, shut, (double)sum->sum / unit, name, open,
		    label, shut, sum->total);
}

static void put_durations(const struct worker *w, struct sbuf *out)
{
	static const char name[] = "m2m_request_duration_seconds";
	head(out, name, "histogram", "From a request's having been read to its answer, by operation.");
	for (unsigned operation = 0; operation < OP_ROWS; operation++) {
		struct histogram_sum sum = {{0}, 0, 0};
		char label[96];
		for (unsigned i = 0; i < w->all_count; i++)
			histogram_add(&sum, &w->all[i]->counters.durations[operation]);
		snprintf(label, sizeof label, "operation=\"%s\"", op_row_name(operation));
		if (sum.total > 0)
			put_series(out, name, label, &sum, &histogram_microseconds, 1e6);
	}
}

static void put_store_histograms(const struct worker *w, struct sbuf *out)
{
	static const char trips[] = "m2m_database_round_trip_seconds", sizes[] = "m2m_batch_tokens";
	struct histogram_sum batch = {{0}, 0, 0}, issue = {{0}, 0, 0}, serve = {{0}, 0, 0};
	for (unsigned i = 0; i < w->all_count; i++) {
		const struct store_counters *c = store_counters(w->all[i]->store);
		histogram_add(&batch, &c->batch_sizes);
		histogram_add(&issue, &c->issue_us);
		histogram_add(&serve, &c->serve_us);
	}
	head(out, sizes, "histogram", "Token requests that one issuing statement carried.");
	put_series(out, sizes, "", &batch, &histogram_sizes, 1);
	head(out, trips, "histogram", "From a statement's sending to its answer, by connection.");
	put_series(out, trips, "connection=\"issue\"", &issue, &histogram_microseconds, 1e6);
	put_series(out, trips, "connection=\"serve\"", &serve, &histogram_microseconds, 1e6);
}

/* ---- requests ---- */

static uint64_t answered(const struct worker *w, unsigned transport, unsigned operation, enum err err)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < w->all_count; i++)
		sum += load(&w->all[i]->counters.outcomes[transport][operation][err]);
	return sum;
}

static void put_requests(const struct worker *w, struct sbuf *out)
{
	static const char *const transports[] = {"rest", "grpc"};
	head(out, "m2m_requests_total", "counter", "Requests answered, by operation, transport and outcome.");
	for (unsigned operation = 0; operation < OP_ROWS; operation++)
		for (unsigned transport = 0; transport < 2; transport++)
			for (unsigned err = 0; err < ERR_COUNT; err++) {
				uint64_t n = answered(w, transport, operation, (enum err)err);
				if (n > 0)
					sbuf_printf(out,
						    "m2m_requests_total{operation=\"%s\",transport=\"%s\",outcome=\"%s\"} %" PRIu64 "\n",
						    op_row_name(operation), transports[transport],
						    err == ERR_OK ? "granted" : err_info((enum err)err)->code, n);
			}
}

/* What denied_audit counts: always there, so that a rate of them has a beginning. */
static void put_denied(const struct worker *w, struct sbuf *out)
{
	static const enum err reasons[] = {ERR_INVALID_CLIENT, ERR_INVALID_GRANT, ERR_ASSERTION_REPLAYED,  ERR_AUTH_METHOD_NOT_ALLOWED,
					   ERR_PROOF_REPLAYED, ERR_INVALID_TOKEN, ERR_NETWORK_NOT_ALLOWED, ERR_FORBIDDEN};
	head(out, "m2m_denied_attempts_total", "counter", "Requests refused for their credentials or rights, by reason.");
	for (unsigned r = 0; r < sizeof reasons / sizeof *reasons; r++) {
		uint64_t n = 0;
		for (unsigned operation = 0; operation < OP_ROWS; operation++)
			n += answered(w, 0, operation, reasons[r]) + answered(w, 1, operation, reasons[r]);
		sbuf_printf(out, "m2m_denied_attempts_total{reason=\"%s\"} %" PRIu64 "\n", err_info(reasons[r])->code, n);
	}
}

/* ---- the rest ---- */

static void put_store(const struct worker *w, struct sbuf *out)
{
	uint64_t issued = 0, failures = 0, reloads = 0, depth = 0, seals = 0, lost = 0, default_used = 0, until = 0, unused = 0,
		 adopted = 0;
	for (unsigned i = 0; i < w->all_count; i++) {
		const struct store_counters *c = store_counters(w->all[i]->store);
		issued += load(&c->tokens_issued);
		failures += load(&c->statement_failures);
		reloads += load(&c->key_reloads);
		depth += load(&c->queue_depth);
		seals += load(&c->seals);
		lost += load(&c->writers_lost);
		unused += load(&c->secrets_ended_unused);
		adopted += load(&c->secrets_adopted);
		default_used = load(&c->default_partition_used) > default_used ? 1 : default_used;
		until = load(&c->partitions_until) > until ? load(&c->partitions_until) : until;
	}
	put(out, "m2m_tokens_issued_total", "counter", "Access tokens whose audit row has committed.", issued);
	put(out, "m2m_issue_failures_total", "counter", "Issuing statements that failed.", failures);
	put(out, "m2m_issue_queue_depth", "gauge", "Token requests waiting for an issuing statement.", depth);
	put(out, "m2m_signing_key_reloads_total", "counter", "Changes of the signing key snapshot.", reloads);
	put(out, "m2m_secrets_ended_unused_total", "counter", "Replaced secrets that this gateway has found unused, and ended.", unused);
	put(out, "m2m_secrets_adopted_total", "counter", "Secrets of other products whose hashes this gateway has replaced.", adopted);
	put(out, "m2m_audit_seals_total", "counter", "Seals of the audit that have committed.", seals);
	put(out, "m2m_audit_writers_lost_total", "counter", "Times that the outcome of a statement with a seal was not learned.", lost);
	put(out, "m2m_audit_default_partition_used", "gauge", "1 if rows are in a default partition, which should be empty.", default_used);
	put(out, "m2m_audit_partitions_until_timestamp_seconds", "gauge", "When the audit's weekly partitions that are made end.", until);
}

/* Of the worker whose clock is told to be the farthest off: they differ by what a poll's round
 * trip leaves open. */
static void put_clock(const struct worker *w, struct sbuf *out)
{
	static const char name[] = "m2m_clock_skew_seconds";
	int64_t most_us = 0;
	for (unsigned i = 0; i < w->all_count; i++) {
		int64_t us = atomic_load_explicit(&store_counters(w->all[i]->store)->clock_skew_us, memory_order_relaxed);
		most_us = (us < 0 ? -us : us) > (most_us < 0 ? -most_us : most_us) ? us : most_us;
	}
	head(out, name, "gauge", "How far this machine's clock is ahead of the database's; negative: behind it.");
	sbuf_printf(out, "%s %.6f\n", name, (double)most_us / 1e6);
}

static void put_workers(const struct worker *w, struct sbuf *out)
{
	uint64_t ready = 0, http = 0, grpc = 0;
	for (unsigned i = 0; i < w->all_count; i++) {
		const char *why = NULL;
		ready += worker_ready(w->all[i], &why);
		http += atomic_load_explicit(&w->all[i]->http_connections, memory_order_relaxed);
		grpc += atomic_load_explicit(&w->all[i]->grpc_connections, memory_order_relaxed);
	}
	head(out, "m2m_build_info", "gauge", "1, with the version, and how signatures are made here.");
	sbuf_printf(out, "m2m_build_info{version=\"" M2M_VERSION "\",signatures=\"%s\"} 1\n",
		    signing_way_name(signing_way_here(w->config->signing_way)));
	put(out, "m2m_ready", "gauge", "1 if every worker can answer requests now, as /readyz says.", ready == w->all_count);
	put(out, "m2m_workers", "gauge", "Worker threads.", w->all_count);
	put(out, "m2m_accept_failures_total", "counter", "Connections that the kernel didn't give, for want of descriptors or memory.",
	    accept_failures());
	put(out, "m2m_memory_reserve_used_bytes", "gauge",
	    "What libevent took of its reserve, since the system gave no memory; normally 0.", reserve_used());
	put(out, "m2m_workers_ready", "gauge", "Worker threads that can answer requests now.", ready);
	head(out, "m2m_connections", "gauge", "Open client connections, by listener.");
	sbuf_printf(out, "m2m_connections{listener=\"http\"} %" PRIu64 "\nm2m_connections{listener=\"grpc\"} %" PRIu64 "\n", http, grpc);
}

static uint64_t ended(const struct worker *w, unsigned listener, enum conn_end why)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < w->all_count; i++) {
		const struct worker *one = w->all[i];
		sum += conn_ends_of(listener == CONN_HTTP ? rest_server_ends(one->rest) : grpc_server_ends(one->grpc), why);
	}
	return sum;
}

/* Always there, so that a rate of them has a beginning. */
static void put_ends(const struct worker *w, struct sbuf *out)
{
	static const unsigned listeners[] = {CONN_HTTP, CONN_GRPC};
	head(out, "m2m_connections_ended_total", "counter", "Client connections that ended, by listener and reason.");
	for (unsigned l = 0; l < 2; l++)
		for (unsigned why = CONN_END_NONE + 1; why < CONN_END_COUNT; why++) {
			const struct conn_end_info *info = conn_end_info((enum conn_end)why);
			if (info->listeners & listeners[l])
				sbuf_printf(out, "m2m_connections_ended_total{listener=\"%s\",reason=\"%s\"} %" PRIu64 "\n",
					    listeners[l] == CONN_HTTP ? "http" : "grpc", info->word,
					    ended(w, listeners[l], (enum conn_end)why));
		}
}

/* Of secrets that were brought along: always there, so that a rate of them has a beginning. */
static void put_hashes(struct hash_pool *hashing, struct sbuf *out)
{
	static const char *const outcomes[HASH_OUTCOMES] = {"matched", "wrong", "failed", "overloaded"};
	struct hash_counts counts;
	hash_pool_counts(hashing, &counts);
	head(out, "m2m_secret_hashes_total", "counter", "Hashes of other products that a secret was checked against, by form and outcome.");
	for (unsigned form = 0; form < FOREIGN_FORMS; form++)
		for (unsigned outcome = 0; outcome < HASH_OUTCOMES; outcome++)
			sbuf_printf(out, "m2m_secret_hashes_total{form=\"%s\",outcome=\"%s\"} %" PRIu64 "\n",
				    foreign_form_name((enum foreign_form)form), outcomes[outcome], counts.made[form][outcome]);
	put(out, "m2m_secret_hash_queue_depth", "gauge", "Secrets that wait for a thread to be checked against another product's hash.",
	    counts.queued);
}

/* As the first worker knows it, which asks once a minute. */
static void put_secrets_ending(const struct worker *w, struct sbuf *out)
{
	static const char *const within[] = {"24h", "7d", "30d"};
	head(out, "m2m_secrets_expiring", "gauge", "Clients' current secrets that end within that time; 10000 stands for more, too.");
	for (unsigned i = 0; i < 3; i++)
		sbuf_printf(out, "m2m_secrets_expiring{within=\"%s\"} %" PRIu64 "\n", within[i],
			    load(&store_counters(w->store)->secrets_ending[i]));
}

static void put_keys(const struct worker *w, struct sbuf *out)
{
	static const char name[] = "m2m_signing_key_active_since_timestamp_seconds";
	unsigned n = 0;
	const struct store_key *keys = store_keys(w->store, &n);
	head(out, name, "gauge", "From when a published signing key signs, by key, algorithm and state.");
	for (unsigned i = 0; i < n; i++)
		sbuf_printf(out, "%s{kid=\"%s\",alg=\"%s\",state=\"%s\"} %" PRId64 "\n", name, keys[i].kid, keys[i].alg, keys[i].state,
			    keys[i].active_from);
	struct keyset *set = store_keyset(w->store);
	struct signing_key *current = set == NULL ? NULL : keyset_current(set);
	head(out, "m2m_signing_way", "gauge", "1 for how the current key signs.");
	if (current != NULL)
		sbuf_printf(out, "m2m_signing_way{way=\"%s\"} 1\n", signing_way_name(signing_key_way(current)));
	put(out, "m2m_signature_fallbacks_total", "counter", "Groups of signatures that went wrong together, and were made one by one.",
	    signing_fallbacks());
	put(out, "m2m_signatures_verified_together_total", "counter",
	    "Signatures of assertions and DPoP proofs that libcrypto_mb found right, several in a call.", signatures_verified_together());
}

static void put_tls(struct tls *tls, struct sbuf *out)
{
	struct tls_state state;
	if (!tls_state(tls, &state))
		return;
	put(out, "m2m_tls_certificate_expiry_timestamp_seconds", "gauge", "When the certificate in use ends.", (uint64_t)state.expires);
	put(out, "m2m_tls_certificate_stale", "gauge", "1 if the certificate's files say something that can't be used.", state.stale);
	put(out, "m2m_tls_certificate_reloads_total", "counter", "Changes of the certificate, its key or the client CAs.", state.reloads);
	put(out, "m2m_tls_handshakes_failed_total", "counter", "Connections that ended with an error of TLS before a request.",
	    state.handshakes_failed);
}

static void put_traces(struct trace *trace, struct sbuf *out)
{
	struct trace_counts counts;
	if (!trace_counts(trace, &counts))
		return;
	put(out, "m2m_traces_exported_total", "counter", "Spans that the collector has taken.", counts.exported);
	put(out, "m2m_traces_dropped_total", "counter", "Spans that were not kept, or not taken.", counts.dropped);
}

static void put_limits(const struct worker *w, struct sbuf *out)
{
	struct rate_limits_counts counts;
	if (!rate_limits_counts(w->env.limits, &counts))
		return;
	head(out, "m2m_rate_limited_total", "counter", "Requests refused with 429, by what there were too many of.");
	sbuf_printf(out, "m2m_rate_limited_total{limit=\"address\"} %" PRIu64 "\nm2m_rate_limited_total{limit=\"client\"} %" PRIu64 "\n",
		    counts.by_address, counts.by_client);
	put(out, "m2m_rate_limit_evictions_total", "counter", "Buckets of a limit that were given up for others before they were full.",
	    counts.evicted);
}

void worker_metrics(const struct worker *w, struct sbuf *out)
{
	put_workers(w, out);
	put_ends(w, out);
	put_store(w, out);
	put_clock(w, out);
	put_store_histograms(w, out);
	put_keys(w, out);
	put_secrets_ending(w, out);
	put_hashes(w->hashing, out);
	put_tls(w->tls, out);
	put_traces(w->trace, out);
	put_denied(w, out);
	put_limits(w, out);
	put_requests(w, out);
	put_durations(w, out);
	put(out, "m2m_log_lines_dropped_total", "counter", "Lines of the log that found no room, as whoever reads it fell behind.",
	    log_lines_dropped());
	process_metrics(out);
}
