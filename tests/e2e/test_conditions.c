/* Entity-tags of clients and organizations: they change with what is shown, and a change or a
 * deletion on condition of one (RFC 9110 section 13.1.1) is done to what has it, or not at all. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define ORG     "/admin/organizations/acme"
#define TAG_MAX 64
#define WRITERS 4
#define ROUNDS  40

static struct world w;
static struct org acme;
static struct http_reply r;
static char platform[TOKEN_MAX], client[256];

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	mint_platform(all, "backend", platform);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(platform));

static void open_world(void)
{
	world_open_filled(&w);
	snprintf(client, sizeof client, ORG "/clients/%s", acme.client_id);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(conditions, .init = open_world, .fini = close_world, .timeout = 120);

static int call(const char *method, const char *path, const char *body, const char *headers, struct http_reply *ret)
{
	return http_call(w.gateway.http,
			 &(struct http_request){.method = method,
						.path = path,
						.bearer = platform,
						.type = body == NULL ? NULL : "application/json",
						.body = body,
						.headers = headers},
			 ret);
}

static int on(const char *method, const char *path, const char *body, const char *if_match)
{
	char header[2048];
	snprintf(header, sizeof header, "If-Match: %s\r\n", if_match);
	return call(method, path, body, header, &r);
}

static void read_tag(const char *path, char ret[TAG_MAX])
{
	char caching[64];
	expect_status(call("GET", path, NULL, NULL, &r), 200);
	http_header(&r, "ETag", ret, TAG_MAX);
	cr_assert(strlen(ret) == 34 && ret[0] == '"' && ret[33] == '"', "%s", r.head);
	cr_assert_str_eq(http_header(&r, "Cache-Control", caching, sizeof caching), "no-store");
}

static int64_t audited(const char *action, const char *outcome)
{
	return sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = '%s' and outcome = '%s' and actor = 'backend'",
		       action, outcome);
}

/* ---- what a tag is ---- */

struct seen {
	char body[8192], tag[TAG_MAX];
};

static void see(const char *path, struct seen *ret)
{
	read_tag(path, ret->tag);
	cr_assert_lt(r.body_n, sizeof ret->body);
	strcpy(ret->body, r.body);
}

/* A change that shows has another tag; one that doesn't hasn't. The answer to it has the new
 * one. */
static void changes(const char *path, const char *body, bool wanted)
{
	struct seen before, after;
	char told[TAG_MAX];
	see(path, &before);
	expect_status(call("PATCH", path, body, NULL, &r), 200);
	http_header(&r, "ETag", told, sizeof told);
	see(path, &after);
	cr_expect_eq(strcmp(before.body, after.body) != 0, wanted, "%s: %s", body, after.body);
	cr_expect_eq(strcmp(before.tag, after.tag) != 0, wanted, "%s: %s", body, after.tag);
	cr_expect_str_eq(told, after.tag, "%s", body);
}

Test(conditions, a_client_s_tag_changes_with_all_that_is_shown_of_it)
{
	static const char *const bodies[] = {
		"{\"name\":\"one\"}",
		"{\"roles\":[\"member\"]}",
		"{\"scopes\":[\"a\",\"b\"]}",
		"{\"scopes\":[\"b\",\"a\"]}",
		"{\"audiences\":[\"x\"]}",
		"{\"token_lifetime\":61}",
		"{\"token_type\":\"at+jwt\"}",
		"{\"allowed_networks\":[\"127.0.0.0/8\"]}",
		"{\"auth_methods\":[\"secret\",\"key\"]}",
		"{\"token_binding\":\"dpop\"}",
		"{\"disabled\":true}",
		"{\"disabled\":false}",
		"{\"auth_methods\":[\"key\"],\"profile\":\"fapi2\"}",
	};
	char second[64], path[256];
	struct seen before, after;
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		changes(client, bodies[i], true);
		if (strstr(bodies[i], "disabled") == NULL)
			changes(client, bodies[i], false);
	}
	/* the secret's, which PATCH doesn't set */
	see(client, &before);
	snprintf(path, sizeof path, "%s/rotate", client);
	expect_status(call("POST", path, "{\"expires_in\":3600}", NULL, &r), 200);
	see(client, &after);
	cr_expect_str_neq(before.tag, after.tag);
	sql_exec(world_db(&w),
		 "update m2m.client_secret set expires_at = expires_at - interval '1 minute' where client_id = '%s' and version = 2",
		 acme.client_id);
	see(client, &before);
	cr_expect_str_neq(before.tag, after.tag, "%s: the secret ends earlier", before.body);
	/* whether it is the default is another client's change */
	expect_status(call("POST", ORG "/clients", "{\"name\":\"second\"}", NULL, &r), 201);
	char made[TAG_MAX];
	http_header(&r, "ETag", made, sizeof made);
	body_text(&r, "client_id", second, sizeof second);
	snprintf(path, sizeof path, ORG "/clients/%s", second);
	see(path, &after);
	cr_expect_str_eq(made, after.tag, "a new one's is another: %s", after.body);
	changes(path, "{\"default\":true}", true);
	see(client, &after);
	cr_expect_str_neq(before.tag, after.tag);
}

Test(conditions, an_organization_s_tag_changes_with_all_that_is_shown_of_it)
{
	static const char *const bodies[] = {
		"{\"name\":\"one\"}",
		"{\"issuer\":\"https://a.test\",\"external_id\":\"x\"}",
		"{\"allowed_networks\":[\"127.0.0.0/8\"]}",
		"{\"secret_max_age\":3600}",
		"{\"disabled\":true}",
		"{\"disabled\":false}",
	};
	struct seen before, after;
	char second[64], path[256], made[TAG_MAX];
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		changes(ORG, bodies[i], true);
		if (strstr(bodies[i], "disabled") == NULL)
			changes(ORG, bodies[i], false);
	}
	see(ORG, &before);
	expect_status(call("POST", ORG "/clients", "{\"name\":\"second\"}", NULL, &r), 201);
	body_text(&r, "client_id", second, sizeof second);
	see(ORG, &after);
	cr_expect_str_eq(before.tag, after.tag, "a client that isn't shown: %s", after.body);
	snprintf(path, sizeof path, ORG "/clients/%s", second);
	expect_status(call("PATCH", path, "{\"default\":true}", NULL, &r), 200);
	see(ORG, &after);
	cr_expect_str_neq(before.tag, after.tag, "%s", after.body);
	expect_status(call("POST", "/admin/organizations", "{\"slug\":\"beta\"}", NULL, &r), 201);
	http_header(&r, "ETag", made, sizeof made);
	see("/admin/organizations/beta", &after);
	cr_expect_str_eq(made, after.tag, "a new one's is another: %s", after.body);
}

Test(conditions, who_has_it_already_is_told_so)
{
	static const char *const paths[] = {ORG, client};
	for (size_t i = 0; i < 2; i++) {
		char tag[TAG_MAX], header[128], again[TAG_MAX];
		read_tag(paths[i], tag);
		snprintf(header, sizeof header, "If-None-Match: \"other\", W/%s\r\n", tag);
		expect_status(call("GET", paths[i], NULL, header, &r), 304);
		cr_expect(r.body_n == 0 && strcmp(http_header(&r, "ETag", again, sizeof again), tag) == 0, "%s", r.head);
		expect_status(call("PATCH", paths[i], "{\"name\":\"other\"}", NULL, &r), 200);
		expect_status(call("GET", paths[i], NULL, header, &r), 200);
	}
}

/* ---- conditions ---- */

static void refused(int status, const char *what)
{
	cr_expect(status == 412 && is_problem(&r, "precondition_failed"), "%s: %d %s", what, status, r.body);
}

static void is_changed_on_condition(const char *path, const char *action)
{
	char tag[TAG_MAX], old[TAG_MAX], given[256];
	read_tag(path, old);
	expect_status(call("PATCH", path, "{\"name\":\"one\"}", NULL, &r), 200);
	refused(on("PATCH", path, "{\"name\":\"two\"}", old), "what it was before");
	refused(on("PATCH", path, "{\"name\":\"two\"}", "\"\""), "nothing's");
	refused(on("PATCH", path, "{\"name\":\"two\"}", "\"\xff\xfe\""), "bytes that are no text");
	read_tag(path, tag);
	cr_expect(strstr(r.body, "\"name\":\"one\"") != NULL, "%s", r.body);
	snprintf(given, sizeof given, "W/%s", tag);
	refused(on("PATCH", path, "{\"name\":\"two\"}", given), "a weak one");
	cr_expect_eq(audited(action, "precondition_failed"), 4);
	snprintf(given, sizeof given, "W/\"x\" ,, \"a,b\", %s", tag);
	expect_status(on("PATCH", path, "{\"name\":\"two\"}", given), 200);
	expect_status(on("PATCH", path, "{\"name\":\"three\"}", "*"), 200);
	refused(on("PATCH", path, "{\"name\":\"four\"}", given), "what it was before the last one");
	cr_expect_eq(audited(action, "granted"), 3);
}

Test(conditions, a_client_is_changed_on_condition)
{
	is_changed_on_condition(client, "set_client");
}

Test(conditions, an_organization_is_changed_on_condition)
{
	is_changed_on_condition(ORG, "set_organization");
}

Test(conditions, what_is_deleted_on_condition_is_what_was_read)
{
	char second[64], path[256], tag[TAG_MAX], old[TAG_MAX];
	expect_status(call("POST", ORG "/clients", "{\"name\":\"second\"}", NULL, &r), 201);
	body_text(&r, "client_id", second, sizeof second);
	snprintf(path, sizeof path, ORG "/clients/%s", second);
	read_tag(path, old);
	expect_status(call("PATCH", path, "{\"name\":\"in use\"}", NULL, &r), 200);
	refused(on("DELETE", path, NULL, old), "a client");
	cr_expect_eq(audited("delete_client", "precondition_failed"), 1);
	read_tag(path, tag);
	expect_status(on("DELETE", path, NULL, tag), 204);
	expect_status(on("DELETE", path, NULL, tag), 404);
	read_tag(ORG, old);
	expect_status(call("PATCH", ORG, "{\"name\":\"in use\"}", NULL, &r), 200);
	refused(on("DELETE", ORG, NULL, old), "an organization");
	cr_expect_eq(audited("delete_organization", "precondition_failed"), 1);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	read_tag(ORG, tag);
	expect_status(on("DELETE", ORG, NULL, tag), 204);
	expect_status(on("DELETE", ORG, NULL, tag), 404);
}

/* Nothing is done without the condition that was meant. */
Test(conditions, what_is_no_condition_is_refused)
{
	static const char *const bad[] = {
		"", ",", "x", "\"a", "a\"", "\"a\" \"b\"", "\"a\",x", "* , \"a\"", "w/\"a\"", "W/ \"a\"", "\"a\"\r\nIf-Match: \"b\""};
	char many[2048] = "\"0\"";
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		expect_status(on("PATCH", client, "{\"name\":\"two\"}", bad[i]), 400);
		cr_expect(is_problem(&r, "invalid_request") && strstr(r.body, "If-Match") != NULL, "%s: %s", bad[i], r.body);
	}
	for (int i = 1; i < 32; i++)
		strcat(many, ",\"0\"");
	refused(on("PATCH", client, "{\"name\":\"two\"}", many), "as many as are taken");
	strcat(many, ",\"0\"");
	expect_status(on("PATCH", client, "{\"name\":\"two\"}", many), 400);
}

/* Who sends one where none is taken believes in it. */
Test(conditions, where_none_is_taken_none_is_believed_in)
{
	static const struct {
		const char *method, *path, *body;
	} acts[] = {
		{"POST", "/admin/organizations", "{\"slug\":\"beta\"}"},
		{"POST", ORG "/clients", "{}"},
		{"POST", ORG "/portal-links", "{\"actor\":\"Ada\",\"may\":[\"reveal\"]}"},
		{"POST", "CLIENT/rotate", "{}"},
		{"PATCH", "CLIENT/rotation", "{\"grace_seconds\":60}"},
		{"DELETE", "CLIENT/rotation", NULL},
		{"POST", "CLIENT/credentials", "{}"},
		{"POST", "/m2m/rotate", "{}"},
		{"DELETE", "/m2m/rotation", NULL},
	};
	int64_t before = sql_int(world_db(&w), "select count(*) from m2m.admin_audit");
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
		char path[512];
		bool is_client = strncmp(acts[i].path, "CLIENT", 6) == 0;
		snprintf(path, sizeof path, "%s%s", is_client ? client : "", acts[i].path + (is_client ? 6 : 0));
		expect_status(on(acts[i].method, path, acts[i].body, "*"), 400);
		cr_expect(is_problem(&r, "invalid_request") && strstr(r.body, "If-Match") != NULL, "%s: %s", path, r.body);
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit"), before);
	/* the other condition is for reading alone */
	before = sql_int(world_db(&w), "select count(*) from m2m.admin_audit");
	expect_status(call("PATCH", ORG, "{\"name\":\"Other\"}", "If-None-Match: *\r\n", &r), 400);
	cr_expect(is_problem(&r, "invalid_request") && strstr(r.body, "If-None-Match") != NULL, "%s", r.body);
	expect_status(call("DELETE", client, NULL, "If-None-Match: \"x\"\r\n", &r), 400);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit"), before);
	/* and what changes nothing needs none */
	expect_status(on("GET", client, NULL, "x"), 200);
	expect_status(on("GET", ORG, NULL, "\"other\""), 200);
	expect_status(on("GET", "/oauth2/revocations", NULL, "x"), 200);
}

/* ---- histories ---- */

struct writer {
	pthread_t id;
	const char *method;
	const char *path;
	const char *if_match; /* a header line */
	int number, status;
	struct http_reply reply;
};

static struct writer writers[WRITERS];

static void *write_one(void *arg)
{
	struct writer *me = arg;
	char body[64];
	snprintf(body, sizeof body, "{\"name\":\"writer %d\"}", me->number);
	me->status = call(me->method, me->path, strcmp(me->method, "PATCH") == 0 ? body : NULL, me->if_match, &me->reply);
	return NULL;
}

/* All have read the same and write at once: one of them has written, and the others know. */
static void one_writer_wins(const char *path)
{
	for (int round = 0; round < ROUNDS; round++) {
		char tag[TAG_MAX], header[128], name[64];
		int won = 0, winner = -1;
		expect_status(call("PATCH", path, "{\"name\":\"nobody\"}", NULL, &r), 200);
		read_tag(path, tag);
		snprintf(header, sizeof header, "If-Match: %s\r\n", tag);
		for (int i = 0; i < WRITERS; i++) {
			writers[i] = (struct writer){.method = "PATCH", .path = path, .if_match = header, .number = i};
			cr_assert_eq(pthread_create(&writers[i].id, NULL, write_one, &writers[i]), 0);
		}
		for (int i = 0; i < WRITERS; i++) {
			cr_assert_eq(pthread_join(writers[i].id, NULL), 0);
			cr_assert(writers[i].status == 200 || writers[i].status == 412, "%d: %s", writers[i].status, writers[i].reply.body);
			if (writers[i].status == 200) {
				won++;
				winner = i;
			}
		}
		cr_assert_eq(won, 1, "%d writers won in round %d", won, round);
		read_tag(path, tag);
		snprintf(name, sizeof name, "\"name\":\"writer %d\"", winner);
		cr_assert(strstr(r.body, name) != NULL, "%s: %s", name, r.body);
	}
}

Test(conditions, of_those_who_read_the_same_client_one_changes_it)
{
	one_writer_wins(client);
}

Test(conditions, of_those_who_read_the_same_organization_one_changes_it)
{
	one_writer_wins(ORG);
}

/* ---- what another one has yet to commit ---- */

static PGconn *open_other(void)
{
	char url[PG_URL];
	pg_url(&w.pg, "m2m_gateway", w.database, url);
	PGconn *other = sql_open(url);
	sql_exec(other, "begin");
	return other;
}

/* It waits for the other one, who then commits. */
static struct writer *behind(PGconn *other, const char *method, const char *path, const char *if_match)
{
	struct writer *me = &writers[0];
	*me = (struct writer){.method = method, .path = path, .if_match = if_match};
	cr_assert_eq(pthread_create(&me->id, NULL, write_one, me), 0);
	int64_t waits = 0;
	for (int tries = 0; tries < 200 && waits == 0; tries++) {
		usleep(20000);
		waits = sql_int(world_db(&w), "select count(*) from pg_stat_activity where datname = current_database() and "
					      "wait_event_type = 'Lock'");
	}
	cr_expect_eq(waits, 1);
	sql_exec(other, "commit");
	PQfinish(other);
	cr_assert_eq(pthread_join(me->id, NULL), 0);
	return me;
}

/* The answer is what is read then. */
static void told_as_it_is(const char *path, const struct writer *me)
{
	char told[TAG_MAX];
	struct seen now;
	cr_assert_eq(me->status, 200, "%s", me->reply.body);
	http_header(&me->reply, "ETag", told, sizeof told);
	see(path, &now);
	cr_expect_str_eq(me->reply.body, now.body);
	cr_expect_str_eq(told, now.tag);
}

static PGconn *rotate_beside(int version)
{
	PGconn *other = open_other();
	sql_exec(other, "update m2m.client set secret_version = %d where client_id = '%s'", version, acme.client_id);
	sql_exec(other,
		 "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint)"
		 " select client_id, %d, key_id, sha256('salt %d'), sha256('verifier %d'), 'new%d' from m2m.client_secret"
		 " where client_id = '%s' and version = 1",
		 version, version, version, version, acme.client_id);
	return other;
}

Test(conditions, who_waited_for_a_rotation_is_told_of_its_secret)
{
	char tag[TAG_MAX], header[128];
	told_as_it_is(client, behind(rotate_beside(2), "PATCH", client, NULL));
	read_tag(client, tag);
	snprintf(header, sizeof header, "If-Match: %s\r\n", tag);
	cr_expect_eq(behind(rotate_beside(3), "PATCH", client, header)->status, 412);
}

static PGconn *hand_over_beside(void)
{
	PGconn *other = open_other();
	sql_exec(other, "select 1 from m2m.organization where slug = 'acme' for no key update");
	sql_exec(other, "update m2m.client set is_default = not is_default where organization_id = '%s'", acme.id);
	return other;
}

Test(conditions, who_waited_for_a_hand_over_is_told_of_the_new_default)
{
	char tag[TAG_MAX], header[128];
	expect_status(call("POST", ORG "/clients", "{\"name\":\"second\"}", NULL, &r), 201);
	told_as_it_is(ORG, behind(hand_over_beside(), "PATCH", ORG, NULL));
	read_tag(ORG, tag);
	snprintf(header, sizeof header, "If-Match: %s\r\n", tag);
	cr_expect_eq(behind(hand_over_beside(), "DELETE", ORG, header)->status, 412);
}
