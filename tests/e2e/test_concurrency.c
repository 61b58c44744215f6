/* Promises 1 and 2 of the design, checked on histories: rotation is linearizable, and no token is delivered without its row.
 *
 * A history is what clients saw: each call's begin and end on one monotonic clock. What must hold is derived from those alone. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "harness/expect.h"
#include "harness/load.h"
#include "harness/proc.h"
#include "harness/world.h"

STOPPED_CLUSTER;

#define ROTATORS     3
#define VERIFIERS    5
#define VERSIONS_MAX 100000
#define CALLS_MAX    200000 /* of one verifier */

/* What is known of a version: the rotation that made it, as its caller saw it. Version 1 was there before everything. */
struct version {
	int64_t begin, end;
	bool known;
	char secret[SECRET_MAX];
	char rotated_at[32];
};

struct call {
	int64_t begin, end;
	int version, status;
	jti_text jti;
};

struct verifier {
	pthread_t id;
	struct call *calls;
	unsigned n;
};

static struct world w;
static struct gateway second;
static struct org acme;
static char admin[TOKEN_MAX];
static struct http_reply r;

static struct version *versions;
static atomic_int newest;
static atomic_bool stop;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint conflicts, faults;

static void open_world(void)
{
	world_prepare(&w, true);
	gateway_start(&w.gateway, &w.gateway_env);
	org_create(&w, "acme", &acme);
	mint(&w, "acme", "admin", admin);
}

static void close_world(void)
{
	gateway_stop(&second, 15000);
	world_close(&w);
}

TestSuite(concurrency, .init = open_world, .fini = close_world, .timeout = 300);

static int seconds(void)
{
	return getenv("M2M_TEST_LONG") == NULL ? 10 : 60;
}

/* ---- linearizable rotation ---- */

static void publish(const struct http_reply *answer, int64_t begin, int64_t end)
{
	int64_t n = body_int(answer, "version");
	if (n < 2 || n >= VERSIONS_MAX || versions[n].known) {
		atomic_fetch_add(&faults, 1); /* a version out of range, or given twice */
		return;
	}
	pthread_mutex_lock(&lock);
	struct version *v = &versions[n];
	body_text(answer, "client_secret", v->secret, sizeof v->secret);
	body_text(answer, "rotated_at", v->rotated_at, sizeof v->rotated_at);
	v->begin = begin;
	v->end = end;
	v->known = true;
	if (n > atomic_load(&newest))
		atomic_store(&newest, (int)n);
	pthread_mutex_unlock(&lock);
}

static void *rotator(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	struct http_reply *answer = malloc(sizeof *answer);
	struct http_conn *conns = malloc(2 * sizeof *conns);
	bool open = http_open(&conns[0], w.gateway.http) && http_open(&conns[1], second.http);
	const struct http_request q = {.path = "/m2m/rotate", .bearer = admin, .type = "application/json", .body = "{\"grace_seconds\":0}"};
	while (open && !atomic_load(&stop)) {
		int64_t begin = clock_mono_us();
		int status = http_call_on(&conns[rand_r(&seed) % 2], &q, answer);
		int64_t end = clock_mono_us();
		if (status == 200)
			publish(answer, begin, end);
		else
			atomic_fetch_add(status == 409 ? &conflicts : &faults, 1);
		if (status == 0)
			break;
		sleep_ms((int)(rand_r(&seed) % 15));
	}
	http_close(&conns[0]);
	http_close(&conns[1]);
	free(conns);
	free(answer);
	return NULL;
}

/* One of the last three versions: the current one, or one that must be refused. 0 when its rotation's answer isn't in yet. */
static int pick(unsigned *seed, char secret[SECRET_MAX])
{
	int n = atomic_load(&newest) - (int)(rand_r(seed) % 3);
	if (n < 1)
		n = 1;
	pthread_mutex_lock(&lock);
	bool known = versions[n].known;
	memcpy(secret, versions[n].secret, SECRET_MAX);
	pthread_mutex_unlock(&lock);
	return known ? n : 0;
}

static void verify_once(struct http_conn *c, struct http_reply *answer, struct call *call, const char *secret)
{
	char body[256], token[TOKEN_MAX];
	snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, secret);
	const struct http_request q = {.path = "/oauth2/token", .type = "application/x-www-form-urlencoded", .body = body};
	call->begin = clock_mono_us();
	call->status = http_call_on(c, &q, answer);
	call->end = clock_mono_us();
	if (call->status != 200)
		return;
	body_text(answer, "access_token", token, sizeof token);
	claim_text(token, "jti", call->jti, sizeof call->jti);
	if (claim_int(token, "secret_version") != call->version)
		atomic_fetch_add(&faults, 1);
}

static void *verifier(void *arg)
{
	struct verifier *me = arg;
	unsigned seed = (unsigned)(uintptr_t)me;
	char secret[SECRET_MAX];
	struct http_reply *answer = malloc(sizeof *answer);
	struct http_conn *conns = malloc(2 * sizeof *conns);
	bool open = http_open(&conns[0], w.gateway.http) && http_open(&conns[1], second.http);
	while (open && !atomic_load(&stop) && me->n < CALLS_MAX) {
		struct call *call = &me->calls[me->n];
		call->version = pick(&seed, secret);
		if (call->version == 0)
			continue;
		verify_once(&conns[rand_r(&seed) % 2], answer, call, secret);
		me->n++;
		if (call->status == 0)
			break;
	}
	http_close(&conns[0]);
	http_close(&conns[1]);
	free(conns);
	free(answer);
	return NULL;
}

/* A call's answer against what the two rotations around its version allow. */
static void check_call(const struct call *call)
{
	const struct version *made = &versions[call->version], *ended = &versions[call->version + 1];
	cr_assert(call->status == 200 || call->status == 401, "a token request was answered %d", call->status);
	if (call->status == 200 && ended->known)
		cr_assert_geq(ended->end, call->begin, "version %d was accepted %lld us after its rotation had returned", call->version,
			      (long long)(call->begin - ended->end));
	if (call->status == 401)
		cr_assert(call->begin < made->end || (ended->known && call->end > ended->begin),
			  "version %d was refused while it was current", call->version);
}

static void check_versions(int last)
{
	for (int n = 2; n <= last; n++) {
		cr_assert(versions[n].known, "no rotation returned version %d of %d", n, last);
		if (n > 2)
			cr_assert_lt(strcmp(versions[n - 1].rotated_at, versions[n].rotated_at), 0,
				     "version %d was rotated at %s, version %d at %s", n - 1, versions[n - 1].rotated_at, n,
				     versions[n].rotated_at);
	}
	cr_assert_eq(sql_int(world_db(&w), "select secret_version from m2m.client where client_id = '%s'", acme.client_id), last);
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret where client_id = '%s'", acme.client_id), last);
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'rotate_secret' and outcome = 'granted'"),
		     last - 1);
}

Test(concurrency, rotation_is_linearizable_over_two_gateways)
{
	static struct verifier verifiers[VERIFIERS];
	pthread_t rotators[ROTATORS];
	gateway_start(&second, &w.gateway_env);
	versions = calloc(VERSIONS_MAX + 1, sizeof *versions);
	versions[1].known = true;
	memcpy(versions[1].secret, acme.secret, SECRET_MAX);
	atomic_store(&newest, 1);

	for (unsigned i = 0; i < VERIFIERS; i++) {
		verifiers[i].calls = calloc(CALLS_MAX, sizeof(struct call));
		cr_assert_eq(pthread_create(&verifiers[i].id, NULL, verifier, &verifiers[i]), 0);
	}
	for (unsigned i = 0; i < ROTATORS; i++)
		cr_assert_eq(pthread_create(&rotators[i], NULL, rotator, (void *)(uintptr_t)(i + 1)), 0);
	sleep_ms(seconds() * 1000);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < ROTATORS; i++)
		pthread_join(rotators[i], NULL);
	for (unsigned i = 0; i < VERIFIERS; i++)
		pthread_join(verifiers[i].id, NULL);

	int last = atomic_load(&newest);
	unsigned granted = 0, refused = 0;
	PGconn *db = world_db(&w);
	cr_assert_eq(atomic_load(&faults), 0);
	check_versions(last);
	delivered_begin(db);
	for (unsigned i = 0; i < VERIFIERS; i++) {
		for (unsigned k = 0; k < verifiers[i].n; k++) {
			const struct call *call = &verifiers[i].calls[k];
			check_call(call);
			if (call->status == 200)
				delivered_put(db, call->jti, call->version);
			(*(call->status == 200 ? &granted : &refused))++;
		}
		free(verifiers[i].calls);
	}
	delivered_end(db);
	cr_assert_eq(delivered_unrecorded(db, acme.client_id), 0);
	cr_log_info("%d rotations, %u conflicts, %u granted, %u refused\n", last - 1, atomic_load(&conflicts), granted, refused);
	/* Fewer would say little. */
	cr_assert_geq(last, 20);
	cr_assert_geq(granted, 100);
	cr_assert_geq(refused, 100);
	free(versions);
}

/* ---- a grace that begins late ---- */

static void *rotate_with_grace(void *arg)
{
	struct http_reply *answer = arg;
	rotate(&w, admin, 2, answer);
	return NULL;
}

Test(concurrency, a_rotation_that_waited_for_a_lock_gives_the_whole_grace)
{
	static struct http_reply answer;
	char expires[64], secret[SECRET_MAX];
	pthread_t thread;
	PGconn *db = world_db(&w);
	sql_exec(db, "begin");
	sql_exec(db, "select from m2m.client where client_id = '%s' for update", acme.client_id);
	cr_assert_eq(pthread_create(&thread, NULL, rotate_with_grace, &answer), 0);
	sleep_ms(1500);
	sql_exec(db, "commit");
	int64_t released = clock_mono_us();
	pthread_join(thread, NULL);
	cr_assert_eq(answer.status, 200, "%s%s", answer.head, answer.body);
	body_text(&answer, "client_secret", secret, sizeof secret);
	body_text(&answer, "previous_secret_expires_at", expires, sizeof expires);

	sleep_ms((int)(1200 - (clock_mono_us() - released) / 1000));
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	while (strcmp(sql_text(db, "select clock_timestamp() > '%s'", expires), "t") != 0)
		sleep_ms(5);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401);
	expect_status(oauth_token(w.gateway.http, acme.client_id, secret, &r), 200);
	cr_assert_lt(clock_mono_us() - released, 2500000);
}

/* ---- no token without its row ---- */

Test(concurrency, no_token_is_delivered_without_its_row_when_postgresql_is_killed)
{
	static struct load load;
	load_start(&load, &acme, w.gateway.http);
	for (int round = 0; round < 4; round++) {
		load_wait_delivered(&load, 50, 15000);
		pg_crash(&w.pg);
		sleep_ms(200);
		pg_start(&w.pg);
	}
	load_wait_delivered(&load, 50, 15000);
	load_stop(&load);
	cr_assert_eq(load.unexpected, 0);
	cr_assert_gt(load.unavailable, 0);
	cr_assert_eq(load_unrecorded(&load, world_db(&w)), 0);
	load_free(&load);
}

Test(concurrency, no_token_is_delivered_without_its_row_when_the_gateway_is_killed)
{
	static struct load load;
	load_start(&load, &acme, w.gateway.http);
	for (int round = 0; round < 4; round++) {
		load_wait_delivered(&load, 50, 15000);
		gateway_kill(&w.gateway);
		gateway_start(&w.gateway, &w.gateway_env);
		atomic_store(&load.port, w.gateway.http);
	}
	load_wait_delivered(&load, 50, 15000);
	load_stop(&load);
	cr_assert_eq(load.unexpected, 0);
	cr_assert_eq(load_unrecorded(&load, world_db(&w)), 0);
	load_free(&load);
}
