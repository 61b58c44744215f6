#include "harness/world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "crypto/secret.h"
#include "harness/proc.h"
#include "harness/require.h"
#include "json/json_read.h"

#define FILLED_DATABASE "m2m_filled"

static void make_database(const struct pg *pg, const char *name, const char *template)
{
	char url[PG_URL];
	pg_url(pg, "postgres", "postgres", url);
	PGconn *db = sql_open(url);
	/* Another test may be copying the same database in this moment. */
	const char *state = "";
	for (int tries = 0; tries < 50; tries++) {
		state = sql_state(db, "create database %s template %s strategy file_copy owner m2m_owner", name, template);
		if (strcmp(state, "55006") != 0)
			break;
		sleep_ms(100);
	}
	PQfinish(db);
	require(strcmp(state, "00000") == 0, "create database: %s", state);
}

static void gateway_settings(struct world *w)
{
	struct env *e = &w->gateway_env;
	char url[PG_URL];
	pg_url(&w->pg, "m2m_gateway", w->database, url);
	env_init(e);
	env_set(e, "M2M_DATABASE_URL=%s", url);
	env_set(e, "M2M_MASTER_KEYS_FILE=%s", shared_master_keys());
	env_set(e, "M2M_ISSUER=https://issuer.test");
	env_set(e, "M2M_HTTP_LISTEN=127.0.0.1:0");
	env_set(e, "M2M_GRPC_LISTEN=127.0.0.1:0");
	env_set(e, "M2M_OPS_LISTEN=127.0.0.1:0");
	env_set(e, "M2M_WORKERS=2");
	env_set(e, "M2M_SHUTDOWN_DELAY_MS=0"); /* no balancer has to notice */
}

static void take_database(struct world *w, const char *name, const char *template)
{
	snprintf(w->database, sizeof w->database, "%s", name);
	make_database(&w->pg, name, template);
	shared_ctl_env(&w->pg, name, &w->ctl_env);
	gateway_settings(w);
}

static void prepare(struct world *w, bool own_cluster, const char *template)
{
	static unsigned count;
	char name[64];
	*w = (struct world){.own_cluster = own_cluster};
	if (own_cluster) {
		pg_copy(&w->pg, shared_cluster_dir());
		pg_start(&w->pg);
	} else {
		shared_cluster(&w->pg);
	}
	snprintf(name, sizeof name, "m2m_%d_%u", (int)getpid(), count++);
	take_database(w, name, template);
}

void world_prepare(struct world *w, bool own_cluster)
{
	prepare(w, own_cluster, TEMPLATE_DATABASE);
}

static const struct kept *next_kept(const struct kept *k)
{
	return k < world_filling.kept + KEPT_MAX && k->at != NULL ? k : NULL;
}

/* With secrets among them, and so for nobody else. */
static void keep_variables(void)
{
	char path[TMP_PATH];
	tmp_path(path, "filled", "");
	FILE *file = fopen(path, "we");
	require(file != NULL && fchmod(fileno(file), 0600) == 0, "can't write %s", path);
	for (const struct kept *k = world_filling.kept; next_kept(k) != NULL; k++)
		require(fwrite(k->at, k->n, 1, file) == 1, "can't write %s", path);
	require(fclose(file) == 0, "can't write %s", path);
	setenv("HARNESS_FILLED", path, 1);
}

static void take_variables(void)
{
	const char *path = getenv("HARNESS_FILLED");
	FILE *file = path == NULL ? NULL : fopen(path, "re");
	require(file != NULL, "this program's runner has made nothing (WORLD_FILLED)");
	for (const struct kept *k = world_filling.kept; next_kept(k) != NULL; k++)
		require(fread(k->at, k->n, 1, file) == 1, "can't read %s", path);
	fclose(file);
}

void world_fill(void)
{
	static struct world w;
	shared_cluster(&w.pg);
	take_database(&w, FILLED_DATABASE, TEMPLATE_DATABASE);
	world_filling.make(&w);
	if (w.db != NULL)
		PQfinish(w.db); /* a database with connections can't be copied */
	keep_variables();
}

void world_prepare_filled(struct world *w, bool own_cluster)
{
	take_variables();
	prepare(w, own_cluster, FILLED_DATABASE);
}

void world_open_filled(struct world *w)
{
	world_prepare_filled(w, false);
	gateway_start(&w->gateway, &w->gateway_env);
}

void world_open(struct world *w)
{
	world_prepare(w, false);
	gateway_start(&w->gateway, &w->gateway_env);
}

void world_close(struct world *w)
{
	if (w->db != NULL)
		PQfinish(w->db);
	w->db = NULL;
	if (w->own_cluster)
		pg_resume(&w->pg);
	gateway_stop(&w->gateway, 15000);
	if (w->own_cluster) {
		pg_discard(&w->pg);
		proc_run((const char *const[]){"rm", "-rf", w->pg.dir, NULL});
	}
}

PGconn *world_db(struct world *w)
{
	char url[PG_URL];
	if (w->db != NULL && strcmp(sql_state(w->db, "select"), "00000") == 0)
		return w->db;
	if (w->db != NULL)
		PQfinish(w->db);
	pg_url(&w->pg, "postgres", w->database, url);
	return w->db = sql_open(url);
}

void world_ctl_run(struct world *w, struct ctl_result *ret, const char *const *args)
{
	int code = ctl_run(&w->ctl_env, ret, args);
	require(code == 0, "m2mctl %s %s ended with %d:\n%s%s", args[0], args[1] == NULL ? "" : args[1], code, ret->out, ret->err);
}

void org_create(struct world *w, const char *slug, struct org *ret)
{
	static struct ctl_result r;
	world_ctl(w, &r, "org", "create", slug, "--output", "env");
	ctl_value(&r, "M2M_ORGANIZATION", ret->slug, sizeof ret->slug);
	ctl_value(&r, "M2M_ORGANIZATION_ID", ret->id, sizeof ret->id);
	ctl_value(&r, "M2M_CLIENT_ID", ret->client_id, sizeof ret->client_id);
	ctl_value(&r, "M2M_CLIENT_SECRET", ret->secret, sizeof ret->secret);
}

static void first_line(const struct ctl_result *r, char out[TOKEN_MAX])
{
	snprintf(out, TOKEN_MAX, "%.*s", (int)strcspn(r->out, "\r\n"), r->out);
}

void mint(struct world *w, const char *slug, const char *role, char out[TOKEN_MAX])
{
	static struct ctl_result r;
	world_ctl(w, &r, "token", "mint", "--org", slug, "--role", role);
	first_line(&r, out);
}

void mint_platform(struct world *w, const char *subject, char out[TOKEN_MAX])
{
	static struct ctl_result r;
	world_ctl(w, &r, "token", "mint", "--platform", "--subject", subject);
	first_line(&r, out);
}

int get(const struct world *w, const char *path, const char *bearer, struct http_reply *r)
{
	return http_call(w->gateway.http, &(struct http_request){.path = path, .bearer = bearer}, r);
}

int post_json(const struct world *w, const char *path, const char *bearer, const char *body, struct http_reply *r)
{
	return http_call(w->gateway.http,
			 &(struct http_request){.method = "POST", .path = path, .bearer = bearer, .type = "application/json", .body = body},
			 r);
}

#define FORM "application/x-www-form-urlencoded"

int post_form(const struct world *w, const char *path, const char *bearer, const char *body, struct http_reply *r)
{
	return http_call(w->gateway.http,
			 &(struct http_request){.method = "POST", .path = path, .bearer = bearer, .type = FORM, .body = body}, r);
}

int oauth_token(uint16_t port, const char *client_id, const char *secret, struct http_reply *r)
{
	char body[512];
	snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s&client_secret=%s", client_id, secret);
	return http_call(port, &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = body}, r);
}

int m2m_token(const struct world *w, const char *bearer, const char *client_id, const char *secret, struct http_reply *r)
{
	char body[512];
	snprintf(body, sizeof body, "{\"grant_type\":\"client_credentials\",\"client_id\":\"%s\",\"client_secret\":\"%s\"}", client_id,
		 secret);
	return post_json(w, "/m2m/token", bearer, body, r);
}

int rotate(const struct world *w, const char *bearer, long grace_seconds, struct http_reply *r)
{
	char body[64];
	snprintf(body, sizeof body, "{\"grace_seconds\":%ld}", grace_seconds);
	struct http_request q = {.method = "POST", .path = "/m2m/rotate", .bearer = bearer};
	if (grace_seconds >= 0) {
		q.type = "application/json";
		q.body = body;
	} else {
		q.headers = "Content-Length: 0\r\n";
	}
	return http_call(w->gateway.http, &q, r);
}

static int grpc_operation(const struct world *w, const char *path, const char *bearer, const struct pb *message, const char *metadata,
			  struct grpc_reply *r)
{
	struct grpc_request q = {.path = path, .bearer = bearer, .metadata = metadata, .message = message};
	return grpc_call(w->gateway.grpc, &q, r);
}

int grpc_get_id(const struct world *w, const char *bearer, const char *metadata, struct grpc_reply *r)
{
	return grpc_operation(w, GRPC_GET_ID, bearer, NULL, metadata, r);
}

int grpc_get_secret(const struct world *w, const char *bearer, const char *metadata, struct grpc_reply *r)
{
	return grpc_operation(w, GRPC_GET_SECRET, bearer, NULL, metadata, r);
}

const struct pb *token_message(const char *client_id, const char *secret)
{
	static struct pb m;
	m.n = 0;
	pb_put_text(&m, 1, "client_credentials");
	pb_put_text(&m, 2, client_id);
	pb_put_text(&m, 3, secret);
	return &m;
}

int grpc_token(const struct world *w, const char *bearer, const char *client_id, const char *secret, const char *metadata,
	       struct grpc_reply *r)
{
	return grpc_operation(w, GRPC_TOKEN, bearer, token_message(client_id, secret), metadata, r);
}

int grpc_rotate(const struct world *w, const char *bearer, int64_t grace_seconds, const char *metadata, struct grpc_reply *r)
{
	static struct pb m;
	m.n = 0;
	pb_put_int(&m, 1, grace_seconds);
	return grpc_operation(w, GRPC_ROTATE, bearer, &m, metadata, r);
}

void client_token(const struct world *w, const struct org *o, char out[TOKEN_MAX])
{
	struct http_reply r;
	int status = oauth_token(w->gateway.http, o->client_id, o->secret, &r);
	require(status == 200, "POST /oauth2/token answered %d: %s", status, r.body);
	body_text(&r, "access_token", out, TOKEN_MAX);
}

long gateway_metric(const struct world *w, const char *name)
{
	static struct http_reply reply;
	char line[128];
	long value = -1;
	snprintf(line, sizeof line, "\n%s ", name);
	if (http_call(w->gateway.ops, &(struct http_request){.path = "/metrics"}, &reply) == 200 && strstr(reply.body, line) != NULL)
		sscanf(strstr(reply.body, line) + strlen(line), "%ld", &value);
	return value;
}

/* Behind its 48 characters. */
static void put_checksum(char out[SECRET_MAX])
{
	uint32_t crc = crc32_iso_hdlc(out, 48);
	const uint8_t bytes[] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc};
	out[48] = '_';
	require(base62_encode(bytes, sizeof bytes, out + 49, 6), "no checksum");
	out[SECRET_LEN] = '\0';
	require(secret_well_formed(str_of(out)), "%s is not well formed", out);
}

void wrong_secret(char out[SECRET_MAX])
{
	snprintf(out, SECRET_MAX, "m2ms_%043d", 1);
	put_checksum(out);
}

void random_secret(char out[SECRET_MAX])
{
	uint8_t bytes[30];
	require(getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes, "no random bytes");
	memcpy(out, "m2ms_", 5);
	require(base62_encode(bytes, sizeof bytes, out + 5, 43), "too many bytes");
	put_checksum(out);
}

static const struct json *parse(struct arena *a, struct str text)
{
	const struct json *v = NULL;
	struct json_limits limits = {.max_depth = 8, .max_values = 512};
	return a != NULL && json_parse(a, text, limits, &v) == 0 ? v : NULL;
}

static const char *member_text(struct str json, const char *key, char *out, size_t cap)
{
	struct arena *a = arena_new(1 << 20);
	struct str value = STR_NONE;
	if (json_string(json_get(parse(a, json), key), &value) != 0)
		value = STR_NONE;
	snprintf(out, cap, "%.*s", STR_ARG(value));
	arena_free(a);
	return out;
}

static int64_t member_int(struct str json, const char *key)
{
	struct arena *a = arena_new(1 << 20);
	int64_t value = INT64_MIN;
	if (json_integer(json_get(parse(a, json), key), INT64_MIN, INT64_MAX, &value) != 0)
		value = INT64_MIN;
	arena_free(a);
	return value;
}

const char *body_text(const struct http_reply *r, const char *key, char *out, size_t cap)
{
	return member_text(str_from(r->body, r->body_n), key, out, cap);
}

int64_t body_int(const struct http_reply *r, const char *key)
{
	return member_int(str_from(r->body, r->body_n), key);
}

static struct str claims_of(const char *token, char *out, size_t cap)
{
	const char *begin = strchr(token, '.');
	const char *end = begin == NULL ? NULL : strchr(begin + 1, '.');
	size_t n = 0;
	if (end == NULL || base64url_decode(str_from(begin + 1, (size_t)(end - begin - 1)), out, cap, &n) != 0)
		return STR("{}");
	return str_from(out, n);
}

const char *claim_text(const char *token, const char *name, char *out, size_t cap)
{
	char claims[TOKEN_MAX];
	return member_text(claims_of(token, claims, sizeof claims), name, out, cap);
}

int64_t claim_int(const char *token, const char *name)
{
	char claims[TOKEN_MAX];
	return member_int(claims_of(token, claims, sizeof claims), name);
}

bool is_oauth_error(const struct http_reply *r, const char *error)
{
	char type[64], word[64], sentence[256];
	return strncmp(http_header(r, "Content-Type", type, sizeof type), "application/json", 16) == 0 &&
	       strcmp(body_text(r, "error", word, sizeof word), error) == 0 &&
	       *body_text(r, "error_description", sentence, sizeof sentence) != '\0';
}

bool is_problem(const struct http_reply *r, const char *code)
{
	char type[64], word[64], id[80], text[512];
	return strncmp(http_header(r, "Content-Type", type, sizeof type), "application/problem+json", 24) == 0 &&
	       strcmp(body_text(r, "code", word, sizeof word), code) == 0 && body_int(r, "status") == r->status &&
	       strcmp(body_text(r, "request_id", id, sizeof id), http_header(r, "X-Request-Id", word, sizeof word)) == 0 &&
	       *body_text(r, "type", text, sizeof text) != '\0' && *body_text(r, "title", text, sizeof text) != '\0' &&
	       *body_text(r, "detail", text, sizeof text) != '\0';
}
