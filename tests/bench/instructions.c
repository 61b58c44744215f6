/* What tests/bench/instructions runs under valgrind: one worker of the gateway (its loop,
 * evhttp or nghttp2, store and libpq, all real) in this thread, a fake database, and 32 callers
 * (instructions_callers.h).
 *
 *   bench_instructions ALG TOKENS [grpc]     prints: tokens N batches N
 *
 * In turns the worker's loop runs until it has nothing to do, then the database does what it has
 * to, then the clients; only the first is counted, once the connections are warm. So nothing
 * depends on time: every count is of the same work in the same order. Half of the clients ask
 * one turn after the others, as when a batch gathers while another one is in flight:
 *
 *   turn 1 A is read and sent to the database B is answered, signed, and its replies are written
 *   turn 2 A is answered, signed and written B is read and sent
 *
 * The gateway's clock stands still during a turn, so that the same digits are written; what runs
 * by libevent's (probes, the poll for keys) is switched off. Access lines go to /dev/null. */
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "bench/instructions_callers.h"
#include "crypto/jwt.h"
#include "crypto/key_wrap.h"
#include "crypto/secret.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_postgres.h"
#include "store/store_seam.h"
#include "trust/trust.h"
#include "worker/listen.h"
#include "worker/memory.h"
#include "worker/worker_parts.h"

/* Without valgrind's header, or outside of valgrind, nothing is counted. */
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION ((void)0)
#define CALLGRIND_STOP_INSTRUMENTATION  ((void)0)
#define CALLGRIND_TOGGLE_COLLECT        ((void)0)
#endif

#define TURNS_A_ROUND   2 /* after which each client has had one answer */
#define WARM_ROUNDS     8
#define READY_TURNS_MAX 60000 /* of a millisecond */

#define MASTER_KEYS "k1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define TURN_US     1234
#define CLIENT_ID   "m2m_instructionsPerToken00"

struct bench {
	struct arena *arena;
	struct signing_key *key;
	struct config config;
	struct fake_postgres *postgres;
	struct worker *worker;
	const struct callers_kind *kind;
	struct callers *callers;
	unsigned starting; /* callers that may ask, while they begin */
	unsigned tokens;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_instructions: %s\n", what);
	exit(EXIT_FAILURE);
}

static void need(enum err err, const char *what)
{
	if (err != ERR_OK)
		die(what);
}

/* ---- the callers ---- */

/* For an organization's admin, as the platform mints them. */
static struct str mint_admin(struct bench *b)
{
	struct sbuf claims = sbuf_in(b->arena, 512), token = sbuf_in(b->arena, 1024);
	sbuf_printf(&claims,
		    "{\"aud\":\"public-api\",\"iss\":\"https://gateway.example\",\"sub\":\"ada@example.com\",\"exp\":%lld,"
		    "\"organization_id\":\"018f0000-0000-7000-8000-000000000001\",\"roles\":[\"admin\"]}",
		    (long long)(clock_wall_us() / 1000000 + 86400));
	need(jwt_sign(b->key, false, sbuf_str(&claims), &token), "no bearer token");
	return sbuf_str(&token);
}

static void open_callers(struct bench *b)
{
	char secret[SECRET_LEN + 1] = {0};
	const struct secret_params params = {.client_id = STR(CLIENT_ID), .version = 1};
	need(secret_derive(&b->config.ring.keys[0], &params, secret), "no client secret");
	const struct config_listen *at = b->kind == &callers_grpc ? &b->config.grpc.at[0] : &b->config.http.at[0];
	b->callers = b->kind->open(at->port, CLIENT_ID, secret, mint_admin(b));
	if (b->callers == NULL)
		die("can't connect");
}

/* The first one of all: what is measured must be the issuing of a token that verifies. */
static void look_at_token(struct bench *b, struct str token)
{
	struct jwt jwt;
	need(jwt_parse(b->arena, token, &jwt), "the token isn't one");
	need(jwt_verify(b->key, &jwt), "the token's signature is wrong");
}

static void callers_turn(struct bench *b)
{
	struct str first = {0};
	const char *why = NULL;
	unsigned answered = 0;
	if (!b->kind->turn(b->callers, b->starting, &answered, &first, &why))
		die(why);
	if (b->tokens == 0 && answered > 0)
		look_at_token(b, first);
	b->tokens += answered;
}

/* ---- turns ---- */

static void turn(struct bench *b)
{
	CALLGRIND_TOGGLE_COLLECT;
	event_base_loop(b->worker->base, EVLOOP_NONBLOCK);
	CALLGRIND_TOGGLE_COLLECT;
	fake_clock_advance_us(TURN_US);
	fake_postgres_turn(b->postgres);
	callers_turn(b);
}

static void rounds(struct bench *b, unsigned n)
{
	for (unsigned i = 0; i < n * TURNS_A_ROUND; i++)
		turn(b);
}

/* ---- the gateway ---- */

static void make_key(struct bench *b, const char *alg_name, struct fake_postgres_key *ret)
{
	static struct master_ring ring;
	enum jwt_alg alg;
	struct str der;
	struct sbuf jwk = sbuf_in(b->arena, 1024);
	need(jwt_alg_of(str_of(alg_name), &alg), "no such algorithm");
	need(master_ring_parse(STR(MASTER_KEYS), &ring, NULL), "no master key");
	need(signing_key_generate(alg, &b->key), "no signing key");
	need(signing_key_public_jwk(b->key, &jwk), "no public key");
	need(signing_key_to_der(b->key, b->arena, &der), "no private key");
	need(key_wrap(b->arena, &ring.keys[0], signing_key_kid(b->key), der, &ret->wrapped), "no wrapped key");
	ret->kid = signing_key_kid(b->key);
	ret->alg = str_of(alg_name);
	ret->public_jwk = sbuf_str(&jwk);
	ret->wrap_key_id = STR("k1");
}

static void start_gateway(struct bench *b, uint16_t postgres_port)
{
	char url[128], keys[] = "M2M_MASTER_KEYS=" MASTER_KEYS, issuer[] = "M2M_ISSUER=https://gateway.example";
	char http[] = "M2M_HTTP_LISTEN=127.0.0.1:0", grpc[] = "M2M_GRPC_LISTEN=127.0.0.1:0", workers[] = "M2M_WORKERS=1";
	snprintf(url, sizeof url, "M2M_DATABASE_URL=postgresql://m2m_gateway@127.0.0.1:%u/m2m?sslmode=disable&gssencmode=disable",
		 postgres_port);
	char *env[] = {url, keys, issuer, http, grpc, workers, NULL};
	struct sbuf why = sbuf_in(b->arena, 1024);
	struct worker_shared shared = {.trust = NULL};
	struct listen_claim http_claim, grpc_claim;
	struct listen_set http_set, grpc_set;
	if (config_read(b->arena, env, CONFIG_NEED_DATABASE | CONFIG_NEED_MASTER_KEYS | CONFIG_NEED_LISTENERS, &b->config, &why) !=
		    ERR_OK ||
	    trust_open(&b->config, &shared.trust, &why) != ERR_OK || hash_pool_open(&shared.hashing) != ERR_OK ||
	    hash_failures_open(&shared.hash_failures) != ERR_OK ||
	    listen_claim(&b->config.http, "M2M_HTTP_LISTEN", &http_claim, &why) != ERR_OK ||
	    listen_claim(&b->config.grpc, "M2M_GRPC_LISTEN", &grpc_claim, &why) != ERR_OK ||
	    listen_open(&b->config.http, &http_claim, true, &http_set, &why) != ERR_OK ||
	    listen_open(&b->config.grpc, &grpc_claim, true, &grpc_set, &why) != ERR_OK)
		die(sbuf_str(&why).p);
	b->worker = worker_new(&b->config, &shared, &http_set, &grpc_set);
	if (b->worker == NULL)
		die("no worker");
	worker_know_all(b->worker, &b->worker, 1);
	store_start(b->worker->store);
	for (unsigned i = 0; !store_ready(b->worker->store); i++) {
		if (i == READY_TURNS_MAX)
			die(store_unready_reason(b->worker->store));
		turn(b);
		usleep(1000);
	}
	event_del(b->worker->tick);
	store_seam_stop_tick(b->worker->store);
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct fake_postgres_key key;
	uint16_t postgres_port;
	bool grpc = argc == 4 && strcmp(argv[3], "grpc") == 0;
	unsigned wanted = argc == 3 || grpc ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	if (wanted == 0 || wanted % CALLERS != 0)
		die("say which algorithm, how many tokens, a multiple of 32, and perhaps grpc");
	b.kind = grpc ? &callers_grpc : &callers_rest;

	memory_settle();
	b.arena = arena_new(1 << 20);
	if (b.arena == NULL || crypto_init() != ERR_OK)
		die("no OpenSSL");
	log_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	make_key(&b, argv[1], &key);
	b.postgres = fake_postgres_new(&key, &postgres_port);
	if (b.postgres == NULL)
		die("no place for a database");
	start_gateway(&b, postgres_port);
	open_callers(&b);
	rounds(&b, 1); /* accepts them */
	b.starting = CALLERS / 2;
	turn(&b);
	b.starting = CALLERS;
	rounds(&b, WARM_ROUNDS);

	unsigned tokens = b.tokens, batches = fake_postgres_batches(b.postgres);
	CALLGRIND_START_INSTRUMENTATION;
	rounds(&b, wanted / CALLERS);
	CALLGRIND_STOP_INSTRUMENTATION;
	tokens = b.tokens - tokens;
	batches = fake_postgres_batches(b.postgres) - batches;
	if (tokens != wanted || batches != wanted / CALLERS * 2)
		die("the turns are no longer as they are described here");
	printf("tokens %u batches %u\n", tokens, batches);
	fflush(stdout);
	_exit(EXIT_SUCCESS); /* nothing is taken down: that is for the gateway's own tests */
}
