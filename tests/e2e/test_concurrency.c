/* Promises 1 and 2 of the design, checked on histories: rotation is linearizable, as are taking
 * an allowed network away and removing a key, a certificate or a workload, also of secrets that
 * were brought along and are shown for the first time, and no token is delivered without its
 * row.
 *
 * A history is what clients saw: what each call used, what it was answered, its begin and end on
 * one monotonic clock. What must hold is derived from that alone, and from the audit afterwards.
 * tests/mutations holds changes to the product that these tests must notice.
 *
 * M2M_TEST_LONG makes the history of rotations a minute long; M2M_TEST_SECONDS sets its length. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "harness/client_key.h"
#include "harness/expect.h"
#include "harness/imported.h"
#include "harness/load.h"
#include "harness/pki.h"
#include "harness/proc.h"
#include "harness/world.h"

STOPPED_CLUSTER;

#define ROTATORS     3
#define VERIFIERS    5
#define GATEWAYS     2
#define VERSIONS_MAX 100000
#define CALLS_MAX    200000 /* of one verifier */
#define TOKENS_KEPT  4      /* by one verifier, to be used as bearers */
#define FORM         "application/x-www-form-urlencoded"
#define NEVER        INT64_MAX

/* A secret and the rotation that made it, as its caller saw it. Version 1 was there before
 * everything. */
struct version {
	int64_t begin, end;
	bool known;
	char secret[SECRET_MAX];
	char rotated_at[32];
};

/* Whichever way a call was made, it stands and falls with one version of the secret. */
enum how { OAUTH_TOKEN, M2M_TOKEN, CLIENT_ID };

struct call {
	int64_t begin, end;
	int version, status;
	enum how how;
	jti_text jti; /* of the token that was delivered */
	/* of a bearer: when the call that gave it began and ended */
	int64_t given_begin, given_end;
};

struct bearer {
	int version;
	char token[TOKEN_MAX];
};

struct verifier {
	pthread_t id;
	unsigned seed, calls_n, kept;
	struct call *calls;
	struct bearer bearers[TOKENS_KEPT];
	struct http_conn conns[GATEWAYS];
	struct http_reply answer;
};

static struct world w;
static struct gateway second;
static struct org acme;
static char admin[TOKEN_MAX];
static struct http_reply r;

static struct version *versions;
static pthread_mutex_t versions_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int newest;
static atomic_bool stop;
static atomic_uint faults; /* answers that no history explains */

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

TestSuite(concurrency, .init = open_world, .fini = close_world, .timeout = 200);

/* ---- making the history ---- */

static bool open_both(struct http_conn conns[GATEWAYS])
{
	if (http_open(&conns[0], w.gateway.http) && http_open(&conns[1], second.http))
		return true;
	atomic_fetch_add(&faults, 1);
	return false;
}

static void publish(const struct http_reply *answer, int64_t begin, int64_t end)
{
	int64_t n = body_int(answer, "version");
	pthread_mutex_lock(&versions_lock);
	if (n < 2 || n > VERSIONS_MAX || versions[n].known) {
		atomic_fetch_add(&faults, 1); /* out of range, or given twice */
	} else {
		struct version *v = &versions[n];
		body_text(answer, "client_secret", v->secret, sizeof v->secret);
		body_text(answer, "rotated_at", v->rotated_at, sizeof v->rotated_at);
		v->begin = begin;
		v->end = end;
		v->known = true;
		if (n > atomic_load(&newest))
			atomic_store(&newest, (int)n);
	}
	pthread_mutex_unlock(&versions_lock);
}

static void *rotate_on(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	struct http_reply *answer = malloc(sizeof *answer);
	struct http_conn *conns = malloc(GATEWAYS * sizeof *conns);
	const struct http_request q = {.path = "/m2m/rotate", .bearer = admin, .type = "application/json", .body = "{\"grace_seconds\":0}"};
	int status = open_both(conns) ? 200 : 0;
	while (status == 200 && !atomic_load(&stop) && atomic_load(&newest) < VERSIONS_MAX - ROTATORS) {
		int64_t begin = clock_mono_us();
		status = http_call_on(&conns[rand_r(&seed) % GATEWAYS], &q, answer);
		int64_t end = clock_mono_us();
		if (status == 200)
			publish(answer, begin, end);
		else
			atomic_fetch_add(&faults, 1);
		/* leaves secrets current long enough to be used, however slow this machine is
		 * now */
		sleep_ms((int)(rand_r(&seed) % 40) + (int)((end - begin) / 1000 * (rand_r(&seed) % 4)));
	}
	http_close(&conns[0]);
	http_close(&conns[1]);
	free(conns);
	free(answer);
	return NULL;
}

/* One of the last three secrets: the current one, or one that must be refused. 0 as long as its
 * rotation's answer isn't in. */
static int pick_secret(unsigned *seed, char secret[SECRET_MAX])
{
	pthread_mutex_lock(&versions_lock);
	int n = atomic_load(&newest) - (int)(rand_r(seed) % 3);
	n = n < 1 ? 1 : n;
	bool known = versions[n].known;
	memcpy(secret, versions[n].secret, SECRET_MAX);
	pthread_mutex_unlock(&versions_lock);
	return known ? n : 0;
}

static void make_call(struct verifier *v, struct call *call, const struct http_request *q)
{
	call->begin = clock_mono_us();
	call->status = http_call_on(&v->conns[rand_r(&v->seed) % GATEWAYS], q, &v->answer);
	call->end = clock_mono_us();
}

static void use_secret(struct verifier *v, struct call *call, const char *secret)
{
	char form[256], json[256];
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, secret);
	snprintf(json, sizeof json, "{\"grant_type\":\"client_credentials\",\"client_id\":\"%s\",\"client_secret\":\"%s\"}", acme.client_id,
		 secret);
	if (call->how == OAUTH_TOKEN)
		make_call(v, call, &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = form});
	else
		make_call(v, call, &(struct http_request){.path = "/m2m/token", .bearer = admin, .type = "application/json", .body = json});
	if (call->status != 200)
		return;
	struct bearer *b = &v->bearers[v->kept++ % TOKENS_KEPT];
	b->version = call->version;
	body_text(&v->answer, "access_token", b->token, sizeof b->token);
	claim_text(b->token, "jti", call->jti, sizeof call->jti);
	if (claim_int(b->token, "secret_version") != call->version)
		atomic_fetch_add(&faults, 1);
}

/* An access token from one of the last secrets that were accepted here: most of them have ended
 * since. */
static void use_token(struct verifier *v, struct call *call)
{
	unsigned n = v->kept < TOKENS_KEPT ? v->kept : TOKENS_KEPT;
	const struct bearer *b = &v->bearers[(unsigned)rand_r(&v->seed) % n];
	call->version = b->version;
	make_call(v, call, &(struct http_request){.path = "/m2m/client-id", .bearer = b->token});
}

static void *verify_on(void *arg)
{
	struct verifier *v = arg;
	char secret[SECRET_MAX];
	bool alive = open_both(v->conns);
	while (alive && !atomic_load(&stop) && v->calls_n < CALLS_MAX) {
		struct call *call = &v->calls[v->calls_n];
		call->how = (enum how)(rand_r(&v->seed) % 3);
		if (call->how == CLIENT_ID && v->kept > 0) {
			use_token(v, call);
		} else {
			call->how = call->how == CLIENT_ID ? OAUTH_TOKEN : call->how;
			call->version = pick_secret(&v->seed, secret);
			if (call->version == 0)
				continue;
			use_secret(v, call, secret);
		}
		v->calls_n++;
		alive = call->status != 0;
	}
	http_close(&v->conns[0]);
	http_close(&v->conns[1]);
	return NULL;
}

static int seconds(void)
{
	const char *given = getenv("M2M_TEST_SECONDS");
	return given != NULL ? atoi(given) : getenv("M2M_TEST_LONG") != NULL ? 60 : 4;
}

static void make_history(struct verifier *verifiers)
{
	pthread_t rotators[ROTATORS];
	versions = calloc(VERSIONS_MAX + 2, sizeof *versions);
	versions[1].known = true;
	memcpy(versions[1].secret, acme.secret, SECRET_MAX);
	atomic_store(&newest, 1);
	for (unsigned i = 0; i < VERIFIERS; i++) {
		verifiers[i].seed = i + 1;
		verifiers[i].calls = calloc(CALLS_MAX, sizeof(struct call));
		cr_assert_eq(pthread_create(&verifiers[i].id, NULL, verify_on, &verifiers[i]), 0);
	}
	for (unsigned i = 0; i < ROTATORS; i++)
		cr_assert_eq(pthread_create(&rotators[i], NULL, rotate_on, (void *)(uintptr_t)(i + 1)), 0);
	sleep_ms(seconds() * 1000);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < ROTATORS; i++)
		pthread_join(rotators[i], NULL);
	for (unsigned i = 0; i < VERIFIERS; i++)
		pthread_join(verifiers[i].id, NULL);
	cr_assert_eq(atomic_load(&faults), 0, "%u calls were answered as no history allows", atomic_load(&faults));
}

/* ---- checking the history ---- */

static void check_versions(int last)
{
	PGconn *db = world_db(&w);
	for (int n = 2; n <= last; n++) {
		const struct version *v = &versions[n];
		cr_assert(v->known, "no rotation returned version %d of %d", n, last);
		cr_assert(n == 2 || strcmp(v[-1].rotated_at, v->rotated_at) < 0, "version %d was rotated at %s, version %d at %s", n - 1,
			  v[-1].rotated_at, n, v->rotated_at);
	}
	cr_assert_eq(sql_int(db, "select secret_version from m2m.client where client_id = '%s'", acme.client_id), last);
	cr_assert_eq(sql_int(db, "select count(*) from m2m.client_secret where client_id = '%s'", acme.client_id), last);
	cr_assert_eq(sql_int(db, "select count(*) from m2m.client_secret where client_id = '%s' and expires_at is null", acme.client_id),
		     1);
	cr_assert_eq(sql_int(db, "select count(*) from m2m.admin_audit where action = 'rotate_secret' and outcome = 'granted'"), last - 1);
}

/* For each version, when the first rotation that ended it had returned: any later one's, since
 * each ends all before it. */
static int64_t *ended_by(int last)
{
	int64_t *at = calloc((size_t)last + 2, sizeof *at);
	at[last] = NEVER;
	for (int n = last - 1; n >= 1; n--)
		at[n] = versions[n + 1].end < at[n + 1] ? versions[n + 1].end : at[n + 1];
	return at;
}

struct verdicts {
	unsigned accepted, refused; /* as answered */
	/* calls that overlap no rotation; by enum how */
	unsigned had_to_be_accepted, had_to_be_refused[3];
};

static void check_call(const struct call *call, const int64_t *ended, struct verdicts *sum)
{
	static const char *const names[] = {"POST /oauth2/token", "POST /m2m/token", "GET /m2m/client-id"};
	const struct version *made = &versions[call->version], *next = made + 1;
	const char *name = names[call->how];
	bool had_ended = call->begin > ended[call->version];
	bool was_current = call->begin > made->end && (!next->known || call->end < next->begin);
	cr_assert(call->status == 200 || call->status == 401, "%s was answered %d", name, call->status);
	cr_assert(call->status != 200 || !had_ended, "%s: version %d was accepted %lld us after the rotation that ended it had returned",
		  name, call->version, (long long)(call->begin - ended[call->version]));
	cr_assert(call->status != 401 || !was_current, "%s: version %d was refused while it was current", name, call->version);
	sum->accepted += call->status == 200;
	sum->refused += call->status == 401;
	sum->had_to_be_accepted += was_current;
	sum->had_to_be_refused[call->how] += had_ended;
}

static void put_delivered(const struct verifier *verifiers, PGconn *db)
{
	delivered_begin(db);
	for (unsigned i = 0; i < VERIFIERS; i++)
		for (unsigned k = 0; k < verifiers[i].calls_n; k++)
			if (verifiers[i].calls[k].jti[0] != '\0')
				delivered_put(db, verifiers[i].calls[k].jti, verifiers[i].calls[k].version);
	delivered_end(db);
}

Test(concurrency, rotation_is_linearizable)
{
	static struct verifier verifiers[VERIFIERS];
	gateway_start(&second, &w.gateway_env);
	make_history(verifiers);

	int last = atomic_load(&newest);
	check_versions(last);
	int64_t *ended = ended_by(last);
	struct verdicts sum = {0};
	for (unsigned i = 0; i < VERIFIERS; i++)
		for (unsigned k = 0; k < verifiers[i].calls_n; k++)
			check_call(&verifiers[i].calls[k], ended, &sum);
	put_delivered(verifiers, world_db(&w));
	cr_assert_eq(delivered_unrecorded(world_db(&w), acme.client_id), 0);

	cr_log_info("%d rotations; %u calls accepted, %u of them had to be; %u refused, of which %u, %u and %u had to be\n", last - 1,
		    sum.accepted, sum.had_to_be_accepted, sum.refused, sum.had_to_be_refused[OAUTH_TOKEN], sum.had_to_be_refused[M2M_TOKEN],
		    sum.had_to_be_refused[CLIENT_ID]);
	/* A history in which less happened would say little. */
	expect_enough(last, 20);
	expect_enough(sum.had_to_be_accepted, 20);
	for (enum how how = OAUTH_TOKEN; how <= CLIENT_ID; how++)
		expect_enough(sum.had_to_be_refused[how], 50);
	for (unsigned i = 0; i < VERIFIERS; i++)
		free(verifiers[i].calls);
	free(ended);
	free(versions);
}

/* ---- networks that are taken away and given back ---- */

#define CHANGES_MAX 20000
#define ASKERS      4

/* Allowed at first, and then turn about: what one operator did, one after the other. */
static struct {
	int64_t begin, end;
} changes[CHANGES_MAX];
static unsigned changes_n; /* read when its writer has ended */
static char platform[TOKEN_MAX];

static bool allowed_after(unsigned change)
{
	return change % 2 == 0;
}

static void *change_networks_on(void *arg)
{
	static struct http_reply answer;
	static struct http_conn conns[GATEWAYS];
	char path[128];
	unsigned seed = 1;
	(void)arg;
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s", acme.client_id);
	int status = open_both(conns) ? 200 : 0;
	for (changes_n = 1; status == 200 && !atomic_load(&stop) && changes_n < CHANGES_MAX; changes_n++) {
		const struct http_request q = {.method = "PATCH",
					       .path = path,
					       .bearer = platform,
					       .type = "application/json",
					       .body = allowed_after(changes_n) ? "{\"allowed_networks\":[\"127.0.0.0/8\"]}"
										: "{\"allowed_networks\":[\"192.0.2.0/24\"]}"};
		changes[changes_n].begin = clock_mono_us();
		status = http_call_on(&conns[rand_r(&seed) % GATEWAYS], &q, &answer);
		changes[changes_n].end = clock_mono_us();
		sleep_ms((int)(rand_r(&seed) % 30));
	}
	atomic_fetch_add(&faults, status != 200);
	http_close(&conns[0]);
	http_close(&conns[1]);
	return NULL;
}

static void *ask_on(void *arg)
{
	struct verifier *v = arg;
	char form[256];
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	bool alive = open_both(v->conns);
	while (alive && !atomic_load(&stop) && v->calls_n < CALLS_MAX) {
		struct call *call = &v->calls[v->calls_n++];
		call->how = rand_r(&v->seed) % 2 == 0 ? OAUTH_TOKEN : CLIENT_ID;
		if (call->how == OAUTH_TOKEN)
			make_call(v, call, &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = form});
		else
			make_call(v, call, &(struct http_request){.path = "/m2m/client-id", .bearer = v->bearers[0].token});
		alive = call->status != 0;
	}
	http_close(&v->conns[0]);
	http_close(&v->conns[1]);
	return NULL;
}

static void make_history_of_networks(struct verifier *askers)
{
	pthread_t operator_;
	for (unsigned i = 0; i < ASKERS; i++) {
		askers[i].seed = i + 1;
		askers[i].calls = calloc(CALLS_MAX, sizeof(struct call));
		client_token(&w, &acme, askers[i].bearers[0].token);
		cr_assert_eq(pthread_create(&askers[i].id, NULL, ask_on, &askers[i]), 0);
	}
	cr_assert_eq(pthread_create(&operator_, NULL, change_networks_on, NULL), 0);
	sleep_ms(seconds() * 1000);
	atomic_store(&stop, true);
	pthread_join(operator_, NULL);
	for (unsigned i = 0; i < ASKERS; i++)
		pthread_join(askers[i].id, NULL);
	cr_assert_eq(atomic_load(&faults), 0, "a change of networks failed");
}

/* Whether the networks may have been so at one moment of the call. A change's effect is
 * somewhere between its begin and end. */
static bool can_have_been(bool allowed, const struct call *call)
{
	for (unsigned n = 0; n < changes_n; n++) {
		int64_t ended = n + 1 < changes_n ? changes[n + 1].end : NEVER;
		if (allowed_after(n) == allowed && changes[n].begin <= call->end && call->begin <= ended)
			return true;
	}
	return false;
}

static void check_networks_of(const struct call *call, unsigned *had_to_be_granted, unsigned had_to_be_refused[])
{
	const char *name = call->how == OAUTH_TOKEN ? "POST /oauth2/token" : "GET /m2m/client-id";
	bool may_grant = can_have_been(true, call), may_refuse = can_have_been(false, call);
	cr_assert(call->status == 200 || call->status == 403, "%s was answered %d", name, call->status);
	cr_assert(call->status != 200 || may_grant, "%s was answered after its network had been taken away", name);
	cr_assert(call->status != 403 || may_refuse, "%s was refused while its network was allowed", name);
	*had_to_be_granted += !may_refuse;
	had_to_be_refused[call->how] += !may_grant;
}

Test(concurrency, taking_a_network_away_is_linearizable)
{
	static struct verifier askers[ASKERS];
	unsigned granted = 0, refused[3] = {0};
	gateway_start(&second, &w.gateway_env);
	mint_platform(&w, "backend", platform);
	make_history_of_networks(askers);
	for (unsigned i = 0; i < ASKERS; i++)
		for (unsigned k = 0; k < askers[i].calls_n; k++)
			check_networks_of(&askers[i].calls[k], &granted, refused);
	cr_log_info("%u changes; %u calls had to be granted; %u and %u had to be refused\n", changes_n - 1, granted, refused[OAUTH_TOKEN],
		    refused[CLIENT_ID]);
	expect_enough(changes_n, 20);
	expect_enough(granted, 20);
	expect_enough(refused[OAUTH_TOKEN], 20);
	expect_enough(refused[CLIENT_ID], 20);
	for (unsigned i = 0; i < ASKERS; i++)
		free(askers[i].calls);
}

/* ---- keys that are removed and added again ---- */

static struct client_key_pair key;
static pthread_mutex_t signing = PTHREAD_MUTEX_INITIALIZER;

static void *change_keys_on(void *arg)
{
	unsigned seed = 1;
	(void)arg;
	for (changes_n = 1; !atomic_load(&stop) && changes_n < CHANGES_MAX; changes_n++) {
		changes[changes_n].begin = clock_mono_us();
		if (allowed_after(changes_n))
			client_key_add(&w, &acme, &key);
		else
			client_key_remove(&w, &acme, &key);
		changes[changes_n].end = clock_mono_us();
		sleep_ms((int)(rand_r(&seed) % 120));
	}
	return NULL;
}

static void show_assertion(struct verifier *v, struct call *call)
{
	static _Thread_local char assertion[TOKEN_MAX], form[TOKEN_MAX + 256];
	pthread_mutex_lock(&signing);
	client_assertion_new(acme.client_id, &key, 60, assertion);
	pthread_mutex_unlock(&signing);
	snprintf(form, sizeof form,
		 "grant_type=client_credentials&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
		 "&client_assertion=%s",
		 assertion);
	make_call(v, call, &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = form});
	if (call->status == 200) {
		body_text(&v->answer, "access_token", v->bearers[0].token, sizeof v->bearers[0].token);
		claim_text(v->bearers[0].token, "jti", call->jti, sizeof call->jti);
	}
}

/* How a token is asked for, and header lines that every call has. */
static void (*show)(struct verifier *v, struct call *call) = show_assertion;
static const char *shown_headers;

static void *sign_on(void *arg)
{
	struct verifier *v = arg;
	const struct call *given = NULL;
	bool alive = open_both(v->conns);
	while (alive && !atomic_load(&stop) && v->calls_n < CALLS_MAX) {
		struct call *call = &v->calls[v->calls_n++];
		call->how = given == NULL || rand_r(&v->seed) % 2 == 0 ? OAUTH_TOKEN : CLIENT_ID;
		if (call->how == OAUTH_TOKEN) {
			show(v, call);
			given = call->status == 200 ? call : given;
		} else {
			call->given_begin = given->begin;
			call->given_end = given->end;
			make_call(
				v, call,
				&(struct http_request){.path = "/m2m/client-id", .bearer = v->bearers[0].token, .headers = shown_headers});
		}
		alive = call->status != 0;
	}
	http_close(&v->conns[0]);
	http_close(&v->conns[1]);
	return NULL;
}

/* What `change_on` takes away and gives back is there. */
static void make_history_of_credentials(struct verifier *signers, void *(*change_on)(void *))
{
	pthread_t operator_;
	for (unsigned i = 0; i < ASKERS; i++) {
		signers[i].seed = i + 1;
		signers[i].calls = calloc(CALLS_MAX, sizeof(struct call));
		cr_assert_eq(pthread_create(&signers[i].id, NULL, sign_on, &signers[i]), 0);
	}
	cr_assert_eq(pthread_create(&operator_, NULL, change_on, NULL), 0);
	sleep_ms(seconds() * 1000);
	atomic_store(&stop, true);
	pthread_join(operator_, NULL);
	for (unsigned i = 0; i < ASKERS; i++)
		pthread_join(signers[i].id, NULL);
	cr_assert_eq(atomic_load(&faults), 0);
}

/* Whether the key was certainly, or may have been, removed between the bearer's being given and
 * this call. */
static bool removed_since(const struct call *call, bool certainly)
{
	for (unsigned n = 1; n < changes_n; n += 2)
		if (certainly ? changes[n].begin > call->given_end && changes[n].end < call->begin
			      : changes[n].end >= call->given_begin && changes[n].begin <= call->end)
			return true;
	return false;
}

static void check_credential_of(const struct call *call, const char *what, unsigned had_to_be_granted[], unsigned had_to_be_refused[])
{
	bool bearer = call->how == CLIENT_ID;
	const char *name = bearer ? "GET /m2m/client-id" : "POST /oauth2/token";
	bool may_grant = bearer ? !removed_since(call, true) : can_have_been(true, call);
	bool may_refuse = bearer ? removed_since(call, false) : can_have_been(false, call);
	cr_assert(call->status == 200 || call->status == 401, "%s was answered %d", name, call->status);
	cr_assert(call->status != 200 || may_grant, "%s was answered after its %s had been removed", name, what);
	cr_assert(call->status != 401 || may_refuse, "%s was refused while its %s was there", name, what);
	had_to_be_granted[call->how] += !may_refuse;
	had_to_be_refused[call->how] += !may_grant;
}

static void check_history_of_credentials(const struct verifier *signers, const char *what)
{
	unsigned granted[3] = {0}, refused[3] = {0};
	PGconn *db = world_db(&w);
	delivered_begin(db);
	for (unsigned i = 0; i < ASKERS; i++)
		for (unsigned k = 0; k < signers[i].calls_n; k++) {
			check_credential_of(&signers[i].calls[k], what, granted, refused);
			if (signers[i].calls[k].jti[0] != '\0')
				delivered_put(db, signers[i].calls[k].jti, 0);
		}
	delivered_end(db);
	cr_assert_eq(sql_int(db,
			     "select count(*) from delivered d where (select count(*) from m2m.token_audit t where t.jti = d.jti"
			     " and t.client_id = '%s' and t.secret_version is null) <> 1",
			     acme.client_id),
		     0);
	cr_log_info("%u changes; %u and %u calls had to be granted, %u and %u to be refused\n", changes_n - 1, granted[OAUTH_TOKEN],
		    granted[CLIENT_ID], refused[OAUTH_TOKEN], refused[CLIENT_ID]);
	expect_enough(changes_n, 20);
	for (int i = 0; i < 2; i++) {
		enum how how = i == 0 ? OAUTH_TOKEN : CLIENT_ID;
		expect_enough(granted[how], 10);
		expect_enough(refused[how], 10);
	}
	for (unsigned i = 0; i < ASKERS; i++)
		free(signers[i].calls);
}

Test(concurrency, removing_and_adding_a_key_is_linearizable)
{
	static struct verifier signers[ASKERS];
	gateway_start(&second, &w.gateway_env);
	client_key_make(&key, JWT_ES256);
	client_key_add(&w, &acme, &key);
	make_history_of_credentials(signers, change_keys_on);
	check_history_of_credentials(signers, "key");
	signing_key_free(key.key);
}

/* ---- certificates that are removed and added again ---- */

/* What is removed and added over /admin, and the id that it has then. */
static const char *changed_body;
static char changed_id[128];

/* By a proxy that both gateways trust, so that calls go over plain connections. */
static void start_behind_a_proxy(const struct identity *authority)
{
	gateway_stop(&w.gateway, 15000);
	env_set(&w.gateway_env, "M2M_TRUSTED_PROXIES=127.0.0.0/8");
	env_set(&w.gateway_env, "M2M_FORWARDED=x-forwarded-for");
	env_set(&w.gateway_env, "M2M_CLIENT_CERT_HEADER=on");
	env_set(&w.gateway_env, "M2M_TLS_CLIENT_CA_FILE=%s", authority->crt);
	gateway_start(&w.gateway, &w.gateway_env);
	gateway_start(&second, &w.gateway_env);
}

static void show_certificate(struct verifier *v, struct call *call)
{
	char form[128];
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s", acme.client_id);
	make_call(v, call, &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = form, .headers = shown_headers});
	if (call->status == 200) {
		body_text(&v->answer, "access_token", v->bearers[0].token, sizeof v->bearers[0].token);
		claim_text(v->bearers[0].token, "jti", call->jti, sizeof call->jti);
	}
}

static int change_credential(struct http_conn *c, bool there, struct http_reply *answer)
{
	char path[256];
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/credentials%s%s", acme.client_id, there ? "" : "/",
		 there ? "" : changed_id);
	return http_call_on(c,
			    &(struct http_request){.method = there ? "POST" : "DELETE",
						   .path = path,
						   .bearer = platform,
						   .type = there ? "application/json" : NULL,
						   .body = there ? changed_body : NULL},
			    answer);
}

static void *change_credentials_on(void *arg)
{
	static struct http_reply answer;
	static struct http_conn conns[GATEWAYS];
	unsigned seed = 1;
	(void)arg;
	bool good = open_both(conns);
	for (changes_n = 1; good && !atomic_load(&stop) && changes_n < CHANGES_MAX; changes_n++) {
		bool there = allowed_after(changes_n);
		changes[changes_n].begin = clock_mono_us();
		good = change_credential(&conns[rand_r(&seed) % GATEWAYS], there, &answer) == (there ? 201 : 204);
		changes[changes_n].end = clock_mono_us();
		sleep_ms((int)(rand_r(&seed) % 120));
	}
	atomic_fetch_add(&faults, !good);
	http_close(&conns[0]);
	http_close(&conns[1]);
	return NULL;
}

static void add_credential(const char *body)
{
	static struct http_reply answer;
	static struct http_conn c;
	changed_body = body;
	cr_assert(http_open(&c, second.http));
	cr_assert_eq(change_credential(&c, true, &answer), 201, "%s", answer.body);
	body_text(&answer, "credential_id", changed_id, sizeof changed_id);
	http_close(&c);
}

Test(concurrency, removing_and_adding_a_certificate_is_linearizable)
{
	static struct verifier signers[ASKERS];
	static char field[6000], headers[6100];
	struct identity authority, client;
	pki_self_signed(&authority, "/CN=clients authority");
	pki_issue(&client, &authority, "/CN=billing", "DNS:billing.example", 1);
	pki_field(&client, field, sizeof field);
	snprintf(headers, sizeof headers, "Client-Cert: %s\r\n", field);
	shown_headers = headers;
	show = show_certificate;
	start_behind_a_proxy(&authority);
	mint_platform(&w, "backend", platform);
	add_credential("{\"kind\":\"certificate\",\"tls_client_auth_san_dns\":\"billing.example\"}");
	make_history_of_credentials(signers, change_credentials_on);
	check_history_of_credentials(signers, "certificate");
}

/* ---- workloads that are removed and added again ---- */

static char workload_form[TOKEN_MAX + 512];

/* A token that may be shown again and again, as a pod shows its own. */
static void start_with_workloads(void)
{
	static char token[TOKEN_MAX], claims[512];
	char keys[TMP_PATH], issuers[TMP_PATH];
	FILE *f = NULL;
	client_key_make(&key, JWT_ES256);
	tmp_path(keys, "jobs", ".json");
	tmp_path(issuers, "issuers", ".json");
	cr_assert_not_null(f = fopen(keys, "w"));
	fprintf(f, "{\"keys\":[%s]}", key.jwk);
	fclose(f);
	cr_assert_not_null(f = fopen(issuers, "w"));
	fprintf(f, "[{\"issuer\":\"https://jobs.test\",\"workloads\":true,\"jwks_file\":\"%s\"}]", keys);
	fclose(f);
	snprintf(claims, sizeof claims, "{\"iss\":\"https://jobs.test\",\"sub\":\"web\",\"aud\":\"%s\",\"iat\":%ld,\"exp\":%ld}",
		 "https://issuer.test", (long)time(NULL), (long)time(NULL) + 3600);
	client_assertion_sign(&key, claims, token);
	snprintf(workload_form, sizeof workload_form,
		 "grant_type=client_credentials&client_id=%s&client_assertion_type="
		 "urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=%s",
		 acme.client_id, token);
	gateway_stop(&w.gateway, 15000);
	env_set(&w.gateway_env, "M2M_TRUSTED_ISSUERS_FILE=%s", issuers);
	gateway_start(&w.gateway, &w.gateway_env);
	gateway_start(&second, &w.gateway_env);
}

static void show_workload(struct verifier *v, struct call *call)
{
	make_call(v, call, &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = workload_form});
	if (call->status == 200) {
		body_text(&v->answer, "access_token", v->bearers[0].token, sizeof v->bearers[0].token);
		claim_text(v->bearers[0].token, "jti", call->jti, sizeof call->jti);
	}
}

Test(concurrency, removing_and_adding_a_workload_is_linearizable)
{
	static struct verifier signers[ASKERS];
	start_with_workloads();
	show = show_workload;
	mint_platform(&w, "backend", platform);
	add_credential("{\"kind\":\"workload\",\"issuer\":\"https://jobs.test\",\"subject\":\"web\",\"audience\":"
		       "\"https://issuer.test\",\"may_replay\":true}");
	make_history_of_credentials(signers, change_credentials_on);
	check_history_of_credentials(signers, "workload");
	signing_key_free(key.key);
}

/* ---- clients that were brought along, whose first logins race with a rotation ---- */

#define LOGINS     4
#define FIRST_MAX  2000 /* clients */
#define RACES_MIN  24   /* however slow this machine is */
#define OLD_SECRET "p:a%ss~word-of-old"

/* One client's: who was called, and when the rotation of its only secret began and ended. */
static struct {
	char client_id[48];
	int64_t begin, end;
} moved[FIRST_MAX];
static pthread_barrier_t together;
static atomic_int turn;          /* whose the race is */
static atomic_bool turn_is_over; /* it was rotated */
static _Atomic int64_t answered; /* when its first login was; 0: not yet */

static int old_secret_on(struct verifier *v, struct call *call, const char *client_id)
{
	char form[256];
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=p%%3Aa%%25ss~word-of-old", client_id);
	make_call(v, call, &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = form});
	if (call->status == 200) {
		body_text(&v->answer, "access_token", v->bearers[0].token, sizeof v->bearers[0].token);
		claim_text(v->bearers[0].token, "jti", call->jti, sizeof call->jti);
	}
	return call->status;
}

/* `version` of a call is the client's place here. One call at least begins after the rotation. */
static void *log_in_on(void *arg)
{
	struct verifier *v = arg;
	bool alive = open_both(v->conns);
	for (;;) {
		pthread_barrier_wait(&together);
		if (atomic_load(&stop))
			break;
		bool over = false;
		for (bool last = false; alive && !last && v->calls_n < CALLS_MAX; last = over) {
			struct call *call = &v->calls[v->calls_n++];
			over = atomic_load(&turn_is_over);
			call->version = atomic_load(&turn);
			alive = old_secret_on(v, call, moved[call->version].client_id) != 0;
			atomic_compare_exchange_strong(&answered, &(int64_t){0}, call->end);
		}
		atomic_fetch_add(&faults, !alive);
		pthread_barrier_wait(&together);
	}
	http_close(&v->conns[0]);
	http_close(&v->conns[1]);
	return NULL;
}

static int rotate_moved(struct http_conn *c, int client, struct http_reply *answer)
{
	char path[128];
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/moved%%3A%04d/rotate", client);
	const struct http_request q = {.path = path, .bearer = platform, .type = "application/json", .body = "{\"grace_seconds\":0}"};
	moved[client].begin = clock_mono_us();
	int status = http_call_on(c, &q, answer);
	moved[client].end = clock_mono_us();
	return status;
}

static void expect_only_the_new_secret(const struct http_reply *answer, int client)
{
	static struct verifier here;
	static struct call call;
	char secret[SECRET_MAX], id[64];
	snprintf(id, sizeof id, "moved%%3A%04d", client);
	body_text(answer, "client_secret", secret, sizeof secret);
	cr_assert(open_both(here.conns));
	cr_assert_eq(old_secret_on(&here, &call, id), 401, "an imported secret was accepted after the rotation that ended it had returned");
	http_close(&here.conns[0]);
	http_close(&here.conns[1]);
	for (int i = 0; i < GATEWAYS; i++)
		cr_assert_eq(oauth_token(i == 0 ? w.gateway.http : second.http, id, secret, &r), 200, "%s", r.body);
}

/* Every other one once a login was answered, the others at any moment of their first logins, as
 * long as those take here: *took, in microseconds. */
static void wait_for_logins(int client, unsigned *seed, int64_t *took)
{
	int64_t begin = clock_mono_us();
	if (client % 2 != 0) {
		sleep_ms((int)(rand_r(seed) % (unsigned)(*took / 500 + 1)));
		return;
	}
	while (atomic_load(&answered) == 0)
		sleep_ms(1);
	*took = atomic_load(&answered) - begin;
}

/* How many clients' races there were. */
static int race_first_logins(void)
{
	static struct http_reply answer;
	static struct http_conn c;
	unsigned seed = 1;
	int n = 0;
	int64_t took = 0;
	int64_t until = clock_mono_us() + seconds() * INT64_C(1000000);
	cr_assert(http_open(&c, second.http));
	for (; n < FIRST_MAX && (n < RACES_MIN || clock_mono_us() < until); n++) {
		atomic_store(&turn, n);
		atomic_store(&turn_is_over, false);
		atomic_store(&answered, 0);
		pthread_barrier_wait(&together);
		wait_for_logins(n, &seed, &took);
		int status = rotate_moved(&c, n, &answer);
		atomic_store(&turn_is_over, true);
		pthread_barrier_wait(&together);
		cr_assert_eq(status, 200, "%s", answer.body);
		expect_only_the_new_secret(&answer, n);
	}
	atomic_store(&stop, true);
	pthread_barrier_wait(&together);
	http_close(&c);
	return n;
}

static void check_first_login(const struct call *call, unsigned *granted, unsigned *refused)
{
	bool had_ended = call->begin > moved[call->version].end, was_there = call->end < moved[call->version].begin;
	cr_assert(call->status == 200 || call->status == 401, "POST /oauth2/token was answered %d", call->status);
	cr_assert(call->status != 200 || !had_ended, "an imported secret was accepted after the rotation that ended it had returned");
	cr_assert(call->status != 401 || !was_there, "an imported secret was refused before its rotation had begun");
	*granted += call->status == 200;
	*refused += had_ended;
}

static void import_moved(void)
{
	PGconn *db = world_db(&w);
	char hash[BCRYPT_MAX];
	import_client(&w, "acme", "moved:first", bcrypt_of(OLD_SECRET, 6, hash));
	sql_exec(db,
		 "insert into m2m.client (client_id, organization_id, roles, scopes, audiences, secret_version)"
		 " select 'moved:' || lpad(n::text, 4, '0'), organization_id, roles, scopes, audiences, 1"
		 " from m2m.client, generate_series(0, %d) n where client_id = 'moved:first'",
		 FIRST_MAX - 1);
	sql_exec(db, "insert into m2m.client_secret (client_id, version, foreign_hash)"
		     " select client_id, 1, foreign_hash from m2m.client c, (select foreign_hash from m2m.client_secret"
		     " where client_id = 'moved:first') h where c.client_id ~ '^moved:[0-9]'");
	for (int i = 0; i < FIRST_MAX; i++)
		snprintf(moved[i].client_id, sizeof moved[i].client_id, "moved%%3A%04d", i);
	gateway_stop(&w.gateway, 15000);
	gateway_start(&w.gateway, &w.gateway_env);
	gateway_start(&second, &w.gateway_env);
}

Test(concurrency, rotation_is_linearizable_for_secrets_that_are_just_being_adopted)
{
	static struct verifier logins[LOGINS];
	unsigned granted = 0, refused = 0;
	PGconn *db = world_db(&w);
	import_moved();
	mint_platform(&w, "backend", platform);
	pthread_barrier_init(&together, NULL, LOGINS + 1);
	for (unsigned i = 0; i < LOGINS; i++) {
		logins[i].seed = i + 1;
		logins[i].calls = calloc(CALLS_MAX, sizeof(struct call));
		cr_assert_eq(pthread_create(&logins[i].id, NULL, log_in_on, &logins[i]), 0);
	}
	int n = race_first_logins();
	delivered_begin(db);
	for (unsigned i = 0; i < LOGINS; i++) {
		pthread_join(logins[i].id, NULL);
		for (unsigned k = 0; k < logins[i].calls_n; k++) {
			check_first_login(&logins[i].calls[k], &granted, &refused);
			if (logins[i].calls[k].jti[0] != '\0')
				delivered_put(db, logins[i].calls[k].jti, 1);
		}
		free(logins[i].calls);
	}
	delivered_end(db);
	cr_assert_eq(atomic_load(&faults), 0);
	cr_assert_eq(sql_int(db, "select count(*) from delivered d where (select count(*) from m2m.token_audit t where t.jti = d.jti"
				 " and t.client_id like 'moved:%%' and t.secret_version = 1) <> 1"),
		     0);
	int64_t adopted = sql_int(db, "select count(*) from m2m.admin_audit where action = 'adopt_secret'");
	cr_assert_eq(sql_int(db, "select count(distinct client_id) from m2m.admin_audit where action = 'adopt_secret'"), adopted);
	cr_log_info("%d clients, %d of them adopted; %u calls were accepted, %u had to be refused\n", n, (int)adopted, granted, refused);
	expect_enough(n, 10);
	expect_enough(adopted, 5);
	expect_enough(granted, 5);
	expect_enough(refused, 20);
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
	char released_at[64], rotated[64], expires[64], secret[SECRET_MAX];
	pthread_t thread;
	PGconn *db = world_db(&w);
	sql_exec(db, "begin");
	sql_exec(db, "select from m2m.client where client_id = '%s' for update", acme.client_id);
	cr_assert_eq(pthread_create(&thread, NULL, rotate_with_grace, &answer), 0);
	for (int tries = 0; sql_int(db, "select count(*) from pg_locks where not granted") == 0; tries++) {
		cr_assert_lt(tries, 1000, "the rotation never came to wait for the row");
		sleep_ms(5);
	}
	sleep_ms(1500); /* the gateway gives up at 2 s */
	snprintf(released_at, sizeof released_at, "%s", sql_text(db, "select clock_timestamp()"));
	int64_t released = clock_mono_us();
	sql_exec(db, "commit");
	pthread_join(thread, NULL);
	cr_assert_eq(answer.status, 200, "%s%s", answer.head, answer.body);
	body_text(&answer, "client_secret", secret, sizeof secret);
	body_text(&answer, "rotated_at", rotated, sizeof rotated);
	body_text(&answer, "previous_secret_expires_at", expires, sizeof expires);
	cr_assert_str_eq(sql_text(db, "select timestamptz '%s' >= '%s'", rotated, released_at), "t",
			 "the row was free at %s, the grace began at %s", released_at, rotated);
	cr_assert_str_eq(sql_text(db, "select timestamptz '%s' - '%s' = interval '2 s'", expires, rotated), "t");

	while (clock_mono_us() < released + 1200000)
		sleep_ms(5);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	while (strcmp(sql_text(db, "select clock_timestamp() > '%s'", expires), "t") != 0)
		sleep_ms(5);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401);
	expect_status(oauth_token(w.gateway.http, acme.client_id, secret, &r), 200);
}

/* ---- no token without its row ---- */

static struct load load;

static void require_all_recorded(void)
{
	load_wait_delivered(&load, 50, 20000);
	load_stop(&load);
	cr_assert_eq(load.unexpected, 0);
	int64_t unrecorded = load_unrecorded(&load, world_db(&w));
	cr_assert_eq(unrecorded, 0, "%lld of %u delivered tokens are without their row", (long long)unrecorded, load.delivered);
	load_free(&load);
}

Test(concurrency, no_token_is_delivered_without_its_row_when_postgresql_is_killed)
{
	load_start(&load, &acme, w.gateway.http);
	for (int round = 0; round < 3; round++) {
		load_wait_delivered(&load, 100, 20000);
		pg_crash(&w.pg);
		sleep_ms(200);
		pg_start(&w.pg);
	}
	require_all_recorded();
	cr_assert_gt(load.unavailable, 0);
}

/* The moment between a token's decision and its row's commit, made as long as can be, and then
 * ended by a crash. */
Test(concurrency, no_token_is_delivered_while_its_row_waits)
{
	PGconn *db = world_db(&w);
	load_start(&load, &acme, w.gateway.http);
	load_wait_delivered(&load, 100, 20000);
	sql_exec(db, "begin");
	/* returns when every row that was being written has committed */
	sql_exec(db, "lock table m2m.token_audit in share mode");
	sleep_ms(300);
	unsigned delivered = atomic_load(&load.delivered);
	sleep_ms(300);
	cr_assert_eq(atomic_load(&load.delivered), delivered, "tokens were delivered while no row could be written");
	pg_crash(&w.pg);
	pg_start(&w.pg);
	require_all_recorded();
}

Test(concurrency, no_token_is_delivered_without_its_row_when_the_gateway_is_killed)
{
	load_start(&load, &acme, w.gateway.http);
	for (int round = 0; round < 3; round++) {
		load_wait_delivered(&load, 100, 20000);
		gateway_kill(&w.gateway);
		gateway_start(&w.gateway, &w.gateway_env);
		atomic_store(&load.port, w.gateway.http);
	}
	require_all_recorded();
	cr_assert_gt(load.broken, 0);
}
