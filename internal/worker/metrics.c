/* Prometheus text exposition: the workers' counters added up at the moment of asking. */
#include <inttypes.h>

#include "worker/worker_parts.h"

static uint64_t load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static void put(struct sbuf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	sbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type, name, value);
}

static void put_requests(struct worker *const *all, unsigned count, struct sbuf *out)
{
	sbuf_putz(out, "# HELP m2m_requests_total Requests answered, by operation and outcome.\n# TYPE m2m_requests_total counter\n");
	for (unsigned operation = 0; operation <= OP_COUNT; operation++) {
		for (unsigned err = 0; err < ERR_COUNT; err++) {
			uint64_t sum = 0;
			for (unsigned i = 0; i < count; i++)
				sum += load(&all[i]->counters.outcomes[operation][err]);
			if (sum > 0)
				sbuf_printf(out, "m2m_requests_total{operation=\"%s\",outcome=\"%s\"} %" PRIu64 "\n",
					    operation == OP_COUNT ? "unknown" : op_specs[operation].name,
					    err == ERR_OK ? "granted" : err_info((enum err)err)->code, sum);
		}
	}
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

void worker_metrics(struct worker *const *all, unsigned count, struct sbuf *out)
{
	uint64_t issued = 0, batches = 0, rows = 0, failures = 0, reloads = 0, depth = 0, ready = 0;
	uint64_t seals = 0, lost = 0, default_used = 0, until = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct store_counters *c = store_counters(all[i]->store);
		const char *why = NULL;
		issued += load(&c->tokens_issued);
		batches += load(&c->batches);
		rows += load(&c->batch_rows);
		failures += load(&c->statement_failures);
		reloads += load(&c->key_reloads);
		depth += load(&c->queue_depth);
		ready += worker_ready(all[i], &why);
		seals += load(&c->seals);
		lost += load(&c->writers_lost);
		default_used = load(&c->default_partition_used) > default_used ? 1 : default_used;
		until = load(&c->partitions_until) > until ? load(&c->partitions_until) : until;
	}
	put(out, "m2m_workers", "gauge", "Worker threads.", count);
	put(out, "m2m_workers_ready", "gauge", "Worker threads that can answer requests now.", ready);
	put(out, "m2m_tokens_issued_total", "counter", "Access tokens whose audit row has committed.", issued);
	put(out, "m2m_issue_batches_total", "counter", "Issuing statements sent.", batches);
	put(out, "m2m_issue_batch_requests_total", "counter", "Token requests carried by issuing statements.", rows);
	put(out, "m2m_issue_failures_total", "counter", "Issuing statements that failed.", failures);
	put(out, "m2m_issue_queue_depth", "gauge", "Token requests waiting for an issuing statement.", depth);
	put(out, "m2m_signing_key_reloads_total", "counter", "Changes of the signing key snapshot.", reloads);
	put(out, "m2m_audit_seals_total", "counter", "Seals of the audit that have committed.", seals);
	put(out, "m2m_audit_writers_lost_total", "counter", "Times that the outcome of a statement with a seal was not learned.", lost);
	put(out, "m2m_audit_default_partition_used", "gauge", "1 if rows are in a default partition, which should be empty.", default_used);
	put(out, "m2m_audit_partitions_until_timestamp_seconds", "gauge", "When the audit's weekly partitions that are made end.", until);
	put_tls(all[0]->tls, out);
	put_requests(all, count, out);
}
