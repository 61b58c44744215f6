/* A new snapshot of the signing keys while the worker's loop goes on: polls that the test answers,
 * and a thread that it holds up. keyset_build and pthread_create come by here first (ld's
 * --wrap). */
#include <criterion/criterion.h>
#include <endian.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "crypto/jwt.h"
#include "crypto/key_wrap.h"
#include "store/store_seam.h"
#include "unit/store/fake_conn.h"

#define HOUR_MS    3600000
#define PG_EPOCH_S 946684800

static struct pg_conn issuing, serving;
static struct arena *arena;
static struct config config;
static struct event_base *loop;
static struct store *store;
static struct store_seam seam;
static struct keyset_row old_row, new_row, third_row;

/* ---- the thread ---- */

static bool held, lacks_threads, lacks_memory;
static sem_t go, begun, built;
static pid_t builder;
static int64_t build_us;
static unsigned builds;

static int64_t cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

enum err __real_keyset_build(const struct master_ring *ring, enum signing_way way, const struct keyset_row *rows, size_t n,
			     uint64_t generation, struct keyset **ret, struct keyset_fault *ret_fault);
enum err __wrap_keyset_build(const struct master_ring *ring, enum signing_way way, const struct keyset_row *rows, size_t n,
			     uint64_t generation, struct keyset **ret, struct keyset_fault *ret_fault);
enum err __wrap_keyset_build(const struct master_ring *ring, enum signing_way way, const struct keyset_row *rows, size_t n,
			     uint64_t generation, struct keyset **ret, struct keyset_fault *ret_fault)
{
	bool waits = held; /* `begun` lets the test change it */
	sem_post(&begun);
	while (waits && sem_wait(&go) != 0)
		;
	int64_t began_us = cpu_us();
	enum err err = lacks_memory ? ERR_NO_MEMORY : __real_keyset_build(ring, way, rows, n, generation, ret, ret_fault);
	build_us = cpu_us() - began_us;
	builder = gettid();
	builds++;
	sem_post(&built);
	return err;
}

int __real_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	return lacks_threads ? EAGAIN : __real_pthread_create(ret, attr, run, arg);
}

/* ---- keys ---- */

static struct keyset_row row_of(struct signing_key *key)
{
	struct keyset_row row = {.kid = arena_copy(arena, signing_key_kid(key)),
				 .alg = str_of(jwt_alg_name(signing_key_alg(key))),
				 .wrap_key_id = STR("k1"),
				 .current = true};
	struct sbuf jwk = sbuf_in(arena, 1024);
	struct str der;
	cr_assert_eq(signing_key_public_jwk(key, &jwk), ERR_OK);
	row.public_jwk = sbuf_str(&jwk);
	cr_assert_eq(signing_key_to_der(key, arena, &der), ERR_OK);
	cr_assert_eq(key_wrap(arena, &config.ring.keys[0], row.kid, der, &row.wrapped), ERR_OK);
	signing_key_free(key);
	return row;
}

static struct keyset_row fresh_row(enum jwt_alg alg)
{
	struct signing_key *key;
	cr_assert_eq(signing_key_generate(alg, &key), ERR_OK);
	return row_of(key);
}

/* m2mctl makes none so large; who brings one along has it. */
static struct keyset_row fresh_rsa_row(size_t bits)
{
	struct signing_key *key;
	unsigned char *der = NULL;
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	int n = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	cr_assert_gt(n, 0);
	cr_assert_eq(signing_key_from_der(JWT_RS256, str_from(der, (size_t)n), &key), ERR_OK);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(pkey);
	return row_of(key);
}

/* ---- polls ---- */

static void put(PGresult *r, int row, int column, const void *p, size_t n)
{
	cr_assert_eq(PQsetvalue(r, row, column, (char *)p, (int)n), 1);
}

static PGresult *poll_result(const struct keyset_row *rows, int n)
{
	enum { COLUMNS = 10 };
	static char nothing[] = "";
	uint64_t now = htobe64((uint64_t)(clock_wall_us() - INT64_C(1000000) * PG_EPOCH_S));
	PGresAttDesc columns[COLUMNS];
	PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	for (int c = 0; c < COLUMNS; c++)
		columns[c] = (PGresAttDesc){.name = nothing, .format = 1};
	cr_assert_eq(PQsetResultAttrs(r, COLUMNS, columns), 1);
	for (int i = 0; i < n; i++) {
		const struct str texts[] = {rows[i].kid, rows[i].alg, rows[i].public_jwk, rows[i].wrapped, rows[i].wrap_key_id};
		for (int c = 0; c < 5; c++)
			put(r, i, c, texts[c].p, texts[c].n);
		put(r, i, 5, rows[i].current ? "\1" : "\0", 1);
		put(r, i, 6, "active", 6);
		put(r, i, 7, &now, sizeof now);
		put(r, i, 8, &now, sizeof now);
		put(r, i, 9, "\0", 1);
	}
	return r;
}

static void answer_poll(const struct keyset_row *row)
{
	cr_assert_eq(serving.in_flight, 1);
	fake_conn_answer(&serving, poll_result(row, 1));
}

static bool signs(const struct keyset_row *row)
{
	struct keyset *set = store_keyset(store);
	return set != NULL && keyset_current(set) != NULL && str_eq(signing_key_kid(keyset_current(set)), row->kid);
}

/* Not before the thread has written to the loop. */
static void wait_until_signs(const struct keyset_row *row)
{
	for (int turns = 0; !signs(row); turns++) {
		cr_assert_lt(turns, 100);
		event_base_loop(loop, EVLOOP_ONCE);
	}
}

static void let_go(void)
{
	held = false;
	sem_post(&go);
}

static void wait_for(sem_t *s)
{
	while (sem_wait(s) != 0)
		;
}

static void load(const struct keyset_row *row)
{
	store_seam_poll(store);
	answer_poll(row);
	wait_until_signs(row);
	wait_for(&begun);
	wait_for(&built);
}

/* A poll has brought the row, and the thread begins with it. */
static void hold_load_of(const struct keyset_row *row)
{
	held = true;
	store_seam_poll(store);
	answer_poll(row);
	wait_for(&begun);
}

/* ---- requests ---- */

static const struct origin origin = {.transport = 'g'};
static struct issue_request requests[2];
static char tokens[2][1024];
static unsigned answered;

/* As op/token.c does, with the key that the request was given. */
static void sign_token(struct issue_request *const *group, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct sbuf token = sbuf_fixed(tokens[group[i] - requests], sizeof tokens[0]);
		answered++;
		if (group[i]->err == ERR_OK)
			cr_assert_eq(jwt_sign(group[i]->key, false, STR("{}"), &token), ERR_OK);
	}
}

static void submit(unsigned i)
{
	requests[i] = (struct issue_request){
		.client_id = STR("m2m_000000000000000000000A"), .verifiers = STR(""), .origin = &origin, .done = sign_token};
	requests[i].until_us = clock_mono_us() + (int64_t)HOUR_MS * 1000;
	cr_assert_eq(issue_submit(store, &requests[i]), ERR_OK);
	event_base_loop(loop, EVLOOP_NONBLOCK);
}

static void answer_batch(const char *outcome)
{
	cr_assert_eq(issuing.in_flight, 1);
	fake_conn_answer(&issuing, issue_result(&(struct issue_row){1, outcome}, 1));
	event_base_loop(loop, EVLOOP_NONBLOCK);
}

/* By the public part that is published, and no other. */
static void token_verifies(unsigned i, const struct keyset_row *row)
{
	enum jwt_alg alg;
	struct signing_key *public;
	struct jwt jwt;
	cr_assert_eq(requests[i].err, ERR_OK);
	cr_assert_eq(jwt_alg_of(row->alg, &alg), ERR_OK);
	cr_assert_eq(signing_key_from_jwk(alg, row->public_jwk, &public), ERR_OK);
	cr_assert_eq(jwt_parse(arena, str_of(tokens[i]), &jwt), ERR_OK);
	cr_assert(str_eq(jwt.kid, row->kid));
	cr_assert_eq(jwt_verify(public, &jwt), ERR_OK);
	signing_key_free(public);
}

/* ---- life ---- */

static void up(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	arena = arena_new(1 << 18);
	sem_init(&go, 0, 0);
	sem_init(&begun, 0, 0);
	sem_init(&built, 0, 0);
	config.batch_max = 2;
	config.queue_max = 2;
	config.request_timeout_ms = HOUR_MS;
	config.signing_way = SIGNING_MULTI_BUFFER;
	cr_assert_eq(master_ring_parse(STR("k1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), &config.ring, NULL), ERR_OK);
	loop = event_base_new();
	store = store_seam_new(loop, &config, &issuing, &serving, &seam);
	cr_assert_not_null(store);
	old_row = fresh_row(JWT_EDDSA);
	new_row = fresh_row(JWT_RS256);
	third_row = fresh_row(JWT_ES256);
}

static void down(void)
{
	store_seam_free(store);
	event_base_free(loop);
	arena_free(arena);
	crypto_fini();
}

TestSuite(key_snapshot, .init = up, .fini = down, .timeout = 60);

/* ---- the loop ---- */

/* Measured by the loop's own CPU, which nobody else on the machine changes. */
static void stalls_nobody(const struct keyset_row *row)
{
	store_seam_poll(store);
	int64_t began_us = cpu_us();
	answer_poll(row);
	int64_t longest_us = cpu_us() - began_us;
	while (!signs(row)) {
		began_us = cpu_us();
		event_base_loop(loop, EVLOOP_ONCE);
		int64_t took_us = cpu_us() - began_us;
		longest_us = took_us > longest_us ? took_us : longest_us;
	}
	cr_assert_lt(longest_us, build_us / 4, "the loop stood still for %lld us, and the key took %lld", (long long)longest_us,
		     (long long)build_us);
	cr_assert_neq(builder, gettid(), "the loop has built it");
}

/* With libcrypto_mb, where it is, and where OpenSSL signs alone. */
Test(key_snapshot, an_rsa_4096_key_does_not_stall_the_loop)
{
	struct keyset_row large = fresh_rsa_row(4096);
	load(&old_row);
	stalls_nobody(&large);
	load(&old_row);
	config.signing_way = SIGNING_SINGLE;
	stalls_nobody(&large);
}

/* ---- tokens meanwhile ---- */

Test(key_snapshot, tokens_of_the_old_key_flow_while_a_new_one_is_loaded)
{
	load(&old_row);
	hold_load_of(&new_row);
	submit(0);
	answer_batch("granted");
	cr_assert_eq(answered, 1);
	token_verifies(0, &old_row);
	cr_assert(signs(&old_row));
	let_go();
	wait_until_signs(&new_row);
	submit(1);
	answer_batch("granted");
	cr_assert_eq(answered, 2);
	token_verifies(1, &new_row);
}

Test(key_snapshot, a_batch_in_flight_is_signed_with_the_key_that_it_named)
{
	load(&old_row);
	submit(0);
	load(&new_row);
	answer_batch("granted");
	token_verifies(0, &old_row);
}

Test(key_snapshot, what_was_refused_goes_out_when_the_new_key_is_there)
{
	load(&old_row);
	submit(0);
	held = true;
	answer_batch("stale_key");
	answer_poll(&new_row);
	wait_for(&begun);
	event_base_loop(loop, EVLOOP_NONBLOCK);
	cr_assert_eq(issuing.in_flight, 0, "it went out with the key that was refused");
	cr_assert_not(store_idle(store));
	let_go();
	wait_until_signs(&new_row);
	event_base_loop(loop, EVLOOP_NONBLOCK);
	answer_batch("granted");
	cr_assert_eq(answered, 1);
	token_verifies(0, &new_row);
}

/* ---- polls meanwhile ---- */

Test(key_snapshot, a_key_that_replaces_the_one_being_loaded_is_read_behind_it)
{
	load(&old_row);
	hold_load_of(&new_row);
	submit(0);
	answer_batch("stale_key");
	cr_assert_eq(serving.in_flight, 0, "one load at a time");
	let_go();
	wait_until_signs(&new_row);
	event_base_loop(loop, EVLOOP_NONBLOCK);
	cr_assert_eq(issuing.in_flight, 0, "the load began before the refusal");
	answer_poll(&third_row);
	wait_until_signs(&third_row);
	event_base_loop(loop, EVLOOP_NONBLOCK);
	answer_batch("granted");
	token_verifies(0, &third_row);
	cr_assert_eq(builds, 3);
}

Test(key_snapshot, a_database_that_refuses_its_own_key_keeps_nobody_waiting)
{
	load(&old_row);
	submit(0);
	store_seam_poll(store);
	answer_batch("stale_key");
	answer_poll(&old_row);
	cr_assert_eq(serving.in_flight, 1, "it is read once more, since the poll began before the refusal");
	store_seam_poll(store);
	answer_poll(&old_row);
	cr_assert_eq(serving.in_flight, 0, "and not again");
	event_base_loop(loop, EVLOOP_NONBLOCK);
	answer_batch("stale_key");
	cr_assert_eq(answered, 1);
	cr_assert_eq(requests[0].err, ERR_STALE_KEY);
	cr_assert_eq(serving.in_flight, 0);
}

Test(key_snapshot, nothing_is_sent_between_a_refusal_and_the_reload)
{
	load(&old_row);
	unsigned polls = serving.sent;
	submit(0);
	held = true;
	answer_batch("stale_key");
	submit(1);
	cr_assert_eq(issuing.sent, 1, "before the poll is answered");
	answer_poll(&new_row);
	wait_for(&begun);
	event_base_loop(loop, EVLOOP_NONBLOCK);
	cr_assert_eq(issuing.sent, 1, "while the key loads");
	cr_assert(issue_is_full(store), "what was refused counts");
	let_go();
	wait_until_signs(&new_row);
	event_base_loop(loop, EVLOOP_NONBLOCK);
	cr_assert_eq(issuing.sent, 2);
	cr_assert_eq(serving.sent, polls + 1, "one poll does");
	fake_conn_answer(&issuing, issue_result((struct issue_row[]){{1, "granted"}, {2, "granted"}}, 2));
	event_base_loop(loop, EVLOOP_NONBLOCK);
	for (unsigned i = 0; i < 2; i++)
		token_verifies(i, &new_row);
}

Test(key_snapshot, a_connection_that_is_lost_during_the_load_takes_no_key_with_it)
{
	load(&old_row);
	hold_load_of(&new_row);
	store_seam_poll(store);
	serving.down = true;
	let_go();
	wait_until_signs(&new_row);
	serving.down = false;
	store_seam_poll(store);
	cr_assert_eq(serving.in_flight, 1);
	answer_poll(&new_row);
	cr_assert_eq(builds, 2, "the same rows are no new keys");
}

/* ---- without memory or a thread, and the end ---- */

Test(key_snapshot, what_there_was_no_memory_for_is_read_at_the_next_poll)
{
	load(&old_row);
	lacks_memory = true;
	store_seam_poll(store);
	answer_poll(&new_row);
	wait_for(&built);
	while (store_ready(store))
		event_base_loop(loop, EVLOOP_ONCE);
	lacks_memory = false;
	store_seam_poll(store);
	answer_poll(&new_row);
	wait_until_signs(&new_row);
	cr_assert(store_ready(store));
}

Test(key_snapshot, without_a_thread_the_loop_builds_it_itself)
{
	int log[2];
	char line[1024] = "";
	load(&old_row);
	cr_assert_eq(pipe(log), 0);
	log_set_fd(log[1]);
	lacks_threads = true;
	store_seam_poll(store);
	answer_poll(&new_row);
	cr_assert(signs(&old_row), "not from inside the call");
	wait_until_signs(&new_row);
	cr_assert_eq(builder, gettid());
	log_set_fd(STDERR_FILENO);
	close(log[1]);
	cr_assert_gt(read(log[0], line, sizeof line - 1), 0);
	close(log[0]);
	cr_assert_not_null(strstr(line, "\"event\":\"threads_scarce\""), "%s", line);
	cr_assert_not_null(strstr(line, "pids.max"), "%s", line);
}

Test(key_snapshot, an_end_during_the_load_waits_for_it)
{
	load(&old_row);
	hold_load_of(&new_row);
	let_go();
	store_seam_free(store);
	cr_assert_eq(builds, 2);
	store = store_seam_new(loop, &config, &issuing, &serving, &seam);
}

Test(key_snapshot, an_end_before_the_loop_has_taken_it_frees_it)
{
	load(&old_row);
	store_seam_poll(store);
	answer_poll(&new_row);
	wait_for(&built);
	store_seam_free(store);
	store = store_seam_new(loop, &config, &issuing, &serving, &seam);
}

Test(key_snapshot, a_key_that_can_not_be_read_leaves_nothing_to_sign_with)
{
	load(&old_row);
	struct keyset_row damaged = new_row;
	damaged.wrapped = STR("");
	store_seam_poll(store);
	answer_poll(&damaged);
	cr_assert(store_ready(store));
	while (store_ready(store))
		event_base_loop(loop, EVLOOP_ONCE);
	cr_assert_str_eq(store_unready_reason(store), "no_signing_key");
	load(&new_row);
	cr_assert(store_ready(store));
}
