/* The thread's life: build everything on its loop, run, drain, take everything down in the order
 * of dependence. */
#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "op/discovery.h"
#include "op/dpop_proof.h"
#include "op/shown_memo.h"
#include "rest/rest_status.h"
#include "store/denied.h"
#include "worker/listen.h"
#include "worker/worker_parts.h"

#define TICK_MS   20
#define PAUSE_MS  100 /* of a listener that couldn't accept; the operator's has a tick's */
#define ACCEPT_MS 100 /* more than a round trip, less than a client's second SYN */
#define IDLE_MS   1000
#define BEGIN_MS  1000 /* how long connections wait for the database at the start, at most */

/* Added to the eventfd; several that come together count as the last of them. */
#define WITHDRAW UINT64_C(1)
#define DRAIN    (UINT64_C(1) << 16)
#define END_NOW  (UINT64_C(1) << 32)

/* The same readiness as /readyz, so that both probes agree whichever worker answers. */
static void tell_grpc_health(struct worker *w)
{
	const char *why = NULL;
	grpc_server_note_ready(w->grpc, worker_all_ready(w, &why));
}

/* Asserts that the move is allowed. Whoever asks for readiness sees it at once. */
static void move(struct worker *w, enum worker_phase to)
{
	assert(worker_phase_may_become(w->phase, to));
	w->phase = to;
	worker_note_readiness(w);
	tell_grpc_health(w);
}

static void end(struct worker *w)
{
	if (w->phase != WORKER_GONE)
		move(w, WORKER_GONE);
	event_base_loopbreak(w->base);
}

static void accept_all(struct worker *w)
{
	move(w, WORKER_SERVING);
	rest_server_accept(w->rest);
	grpc_server_accept(w->grpc);
}

/* A balancer that doesn't ask for readiness sends requests as soon as a port is open: they wait
 * in the backlog until there is something to answer them with, for a moment. */
static void begin_accepting(struct worker *w)
{
	if (store_ready(w->store) || clock_mono_us() - w->started_us >= BEGIN_MS * INT64_C(1000))
		accept_all(w);
}

static void withdraw(struct worker *w)
{
	if (w->phase == WORKER_STARTING)
		accept_all(w);
	if (w->phase == WORKER_SERVING)
		move(w, WORKER_WITHDRAWN);
}

/* A balancer that is told by readiness has long gone elsewhere; one that isn't finds the port
 * closed. */
static void leave(struct worker *w)
{
	unsigned delay_ms = w->config->shutdown_delay_ms;
	move(w, WORKER_LEAVING);
	rest_server_drain(w->rest, delay_ms < IDLE_MS ? delay_ms : IDLE_MS);
	grpc_server_drain(w->grpc);
}

/* Connections that the kernel has already made are accepted for a moment more: closing the
 * socket would reset them, with the requests that they may carry. */
static void begin_drain(struct worker *w)
{
	withdraw(w);
	if (w->phase != WORKER_WITHDRAWN)
		return;
	int64_t now_us = clock_mono_us();
	w->close_at_us = now_us + ACCEPT_MS * 1000;
	w->drain_until_us = now_us + (int64_t)w->config->drain_ms * 1000;
	if (w->config->shutdown_delay_ms > 0 && listen_refuse_new(&w->http_sockets) && listen_refuse_new(&w->grpc_sockets))
		move(w, WORKER_DRAINING);
	else
		leave(w);
}

static bool answered_everything(struct worker *w)
{
	return rest_server_drained(w->rest) && grpc_server_idle(w->grpc) && store_idle(w->store);
}

/* As far as it has got in this tick. */
static void go_on_leaving(struct worker *w, int64_t now_us)
{
	if (w->phase < WORKER_DRAINING)
		return;
	if (w->phase == WORKER_DRAINING && now_us >= w->close_at_us)
		leave(w);
	if (w->phase == WORKER_LEAVING && answered_everything(w)) {
		denied_flush(w->store);
		move(w, WORKER_FLUSHING);
	}
	if (now_us >= w->drain_until_us || (w->phase == WORKER_FLUSHING && store_ended(w->store) && store_idle(w->store)))
		end(w);
}

/* Operators first: what they need is little, and clients may take all there is. */
static void go_on_accepting(struct worker *w, int64_t now_us)
{
	if (w->ops != NULL)
		ops_server_accept(w->ops);
	if (w->phase == WORKER_STARTING || now_us < w->accept_again_us)
		return;
	w->accept_again_us = now_us + PAUSE_MS * INT64_C(1000);
	rest_server_accept(w->rest); /* gRPC's has a tick of its own */
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct worker *w = arg;
	if (w->phase == WORKER_STARTING)
		begin_accepting(w);
	worker_note_readiness(w);
	tell_grpc_health(w);
	atomic_store_explicit(&w->http_connections, rest_server_connections(w->rest), memory_order_relaxed);
	atomic_store_explicit(&w->grpc_connections, grpc_server_connections(w->grpc), memory_order_relaxed);
	int64_t now_us = clock_mono_us();
	go_on_accepting(w, now_us);
	rate_limits_sweep(w->env.limits, now_us);
	hash_failures_sweep(w->env.hash_failures, now_us);
	go_on_leaving(w, now_us);
}

static void on_command(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct worker *w = arg;
	uint64_t command = 0;
	if (read(fd, &command, sizeof command) != sizeof command)
		return;
	if (command >= END_NOW)
		end(w);
	else if (command >= DRAIN)
		begin_drain(w);
	else
		withdraw(w);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	log_flush();
}

/* Behind what is active in this turn already. */
static void flush_soon(void *arg)
{
	struct worker *w = arg;
	event_active(w->flush, EV_TIMEOUT, 0);
}

static void *run(void *arg)
{
	struct worker *w = arg;
	w->started_us = clock_mono_us();
	/* without memory for it lines go out one by one */
	enum err ignored = log_gather(flush_soon, w);
	(void)ignored;
	store_start(w->store);
	event_base_dispatch(w->base);
	log_gather_end();
	return NULL;
}

static void answers_leave(void *grpc)
{
	grpc_server_flush(grpc);
}

static int64_t certificate_expires(void *tls)
{
	struct tls_state state;
	return tls != NULL && tls_state(tls, &state) ? state.expires : 0;
}

struct worker *worker_new(const struct config *config, const struct worker_shared *shared, struct listen_set *http, struct listen_set *grpc)
{
	struct worker *w = calloc(1, sizeof *w);
	if (w == NULL)
		goto fail;
	w->config = config;
	w->tls = shared->tls;
	w->trace = shared->trace;
	w->http_sockets = *http;
	w->grpc_sockets = *grpc;
	w->command = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	atomic_init(&w->unready_reason, "starting");
	w->arena = arena_new(65536 + discovery_room());
	w->base = event_base_new();
	if (w->command < 0 || w->arena == NULL || w->base == NULL)
		goto fail;
	w->store = store_new(w->base, config);
	w->trust = trust_view_new(shared->trust, w->base);
	w->env = (struct op_env){.config = config,
				 .store = w->store,
				 .trust = w->trust,
				 .memo = bearer_memo_new(),
				 .shown = shown_memo_new(),
				 .client_keys = client_key_memo_new(),
				 .certificates = certificate_memo_new(),
				 .hasher = hasher_new(),
				 .counters = &w->counters,
				 .status = rest_status};
	if (verifier_ring_new(&config->ring, &w->env.verifiers) != ERR_OK)
		goto fail;
	if (config->dpop_nonce && dpop_nonces_new(&config->ring, DPOP_NONCE_LIFETIME_S, &w->env.nonces) != ERR_OK)
		goto fail;
	w->env.traces = trace_queue_new(shared->trace);
	w->env.limits = shared->limits;
	w->hashing = shared->hashing;
	w->env.hashing = hash_view_new(shared->hashing, w->base);
	w->env.key_maker = key_maker_new(w->base);
	w->env.signatures = signature_queue_new(w->base, config->signing_way);
	w->env.started_us = clock_wall_us();
	w->env.tls = w->tls;
	w->env.certificate_expires = certificate_expires;
	w->env.hash_failures = shared->hash_failures;
	w->env.authorities = client_authorities_set(shared->authorities);
	if (discovery_documents(w->arena, config, &w->env.documents) != ERR_OK)
		goto fail;
	w->command_event = event_new(w->base, w->command, EV_READ | EV_PERSIST, on_command, w);
	w->tick = event_new(w->base, -1, EV_PERSIST, on_tick, w);
	w->flush = event_new(w->base, -1, 0, on_flush, w);
	if (w->store == NULL || w->trust == NULL || w->env.memo == NULL || w->env.shown == NULL || w->env.client_keys == NULL ||
	    w->env.certificates == NULL || w->env.hasher == NULL || w->env.hashing == NULL || w->env.key_maker == NULL ||
	    w->env.signatures == NULL || w->command_event == NULL || w->tick == NULL || w->flush == NULL)
		goto fail;
	event_add(w->command_event, NULL);
	event_add(w->tick, &(struct timeval){0, TICK_MS * 1000});
	w->rest = rest_server_new(w->base, &w->env, w->tls, shared->web, http->fds, http->n);
	http->n = 0;
	if (w->rest == NULL)
		goto fail;
	w->grpc = grpc_server_new(w->base, &w->env, w->tls, grpc->fds, grpc->n);
	grpc->n = 0;
	if (w->grpc == NULL || !worker_open_placing(w))
		goto fail;
	store_tell_answered(w->store, answers_leave, w->grpc);
	return w;
fail:
	listen_close(http);
	listen_close(grpc);
	worker_free(w);
	return NULL;
}

enum err worker_start(struct worker *w)
{
	int error = pthread_create(&w->thread, NULL, run, w);
	w->started = error == 0;
	errno = error;
	return w->started ? ERR_OK : ERR_OVERLOADED;
}

static void command(struct worker *w, uint64_t what)
{
	ssize_t n = write(w->command, &what, sizeof what);
	(void)n; /* an eventfd takes it */
}

void worker_withdraw(struct worker *w)
{
	command(w, WITHDRAW);
}

void worker_drain(struct worker *w, bool now)
{
	command(w, now ? END_NOW : DRAIN);
}

void worker_join(struct worker *w)
{
	if (w->started)
		pthread_join(w->thread, NULL);
	w->started = false;
}

void worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	/* an answer that is given now is its connection's last: what stands behind it would find
	 * the store gone */
	if (w->rest != NULL)
		rest_server_drain(w->rest, 0);
	/* first what still has answers to give, through the transports: the issuers and the
	 * hashes, whose answers may lead to the store, then the store */
	trust_view_free(w->trust);
	struct hash_view *hashing = w->env.hashing;
	w->env.hashing = NULL; /* nobody asks any more */
	hash_view_free(hashing);
	struct key_maker *key_maker = w->env.key_maker;
	w->env.key_maker = NULL;
	key_maker_free(key_maker);
	struct signature_queue *signatures = w->env.signatures;
	w->env.signatures = NULL;
	signature_queue_free(signatures);
	/* what a connection sends behind an answer would find the store gone */
	if (w->store != NULL)
		store_tell_answered(w->store, NULL, NULL);
	store_free(w->store);
	rest_server_free(w->rest);
	worker_close_placing(w);
	grpc_server_free(w->grpc);
	ops_server_free(w->ops);
	if (w->command_event != NULL)
		event_free(w->command_event);
	if (w->tick != NULL)
		event_free(w->tick);
	if (w->flush != NULL)
		event_free(w->flush);
	if (w->base != NULL)
		event_base_free(w->base);
	if (w->command >= 0)
		close(w->command);
	bearer_memo_free(w->env.memo);
	shown_memo_free(w->env.shown);
	client_key_memo_free(w->env.client_keys);
	certificate_memo_free(w->env.certificates);
	hasher_free(w->env.hasher);
	verifier_ring_free(w->env.verifiers);
	dpop_nonces_free(w->env.nonces);
	op_env_clear(&w->env);
	arena_free(w->arena);
	free(w);
}

/* ---- the operator's listener ---- */

static bool say_ready(void *arg, struct sbuf *why)
{
	const char *reason = "ready";
	bool ready = worker_all_ready(arg, &reason);
	sbuf_putz(why, ready ? "ready" : reason);
	return ready;
}

static bool all_started(void *arg)
{
	const struct worker *w = arg;
	for (unsigned i = 0; i < w->all_count; i++)
		if (!worker_has_been_ready(w->all[i]))
			return false;
	return true;
}

static void all_metrics(void *arg, struct sbuf *out)
{
	const struct worker *w = arg;
	worker_metrics(w, out);
}

void worker_know_all(struct worker *w, struct worker *const *all, unsigned count)
{
	w->all = all;
	w->all_count = count;
}

enum err worker_serve_ops(struct worker *w, const struct listen_set *ops)
{
	w->ops = ops_server_new(w->base, &(struct ops_source){say_ready, all_started, all_metrics, w}, w->tls, ops->fds, ops->n,
				w->config->descriptors_max == 0 ? 0 : w->config->descriptors_max + CONFIG_OPS_DESCRIPTORS);
	return w->ops == NULL ? ERR_NO_MEMORY : ERR_OK;
}
