/* No copy of a secret stays in the gateway's memory when its request has been answered, whatever
 * way the request came. Each way has a secret of its own; then all of the memory is searched for
 * pieces. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "harness/base64.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/require.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define PIECE       8
#define PIECES_MAX  16
#define FORM        "Content-Type: application/x-www-form-urlencoded\r\n"
#define CREDENTIALS "grant_type=client_credentials&client_id=%s&client_secret=%s"
#define SLOW        "Connection: keep-alive\r\n" /* evhttp's parser takes what has this */
#define ISSUER      "https://planted-in-memory.example"

static struct world w;
static struct org acme;
static char admin[TOKEN_MAX];
static struct http_reply r;
static struct http_conn conn; /* stays open until all is searched */

/* ---- the ways ---- */

struct way {
	const char *name;
	int (*ask)(const char *client_id, const char *secret); /* returns the status */
	int granted, refused;
	char right[SECRET_MAX], wrong[SECRET_MAX];
};

static int send_and_read(const char *text, size_t pause_at)
{
	if (pause_at > 0) {
		cr_assert(http_send(&conn, text, pause_at));
		sleep_ms(100);
	}
	cr_assert(http_send_text(&conn, text + pause_at));
	return http_read(&conn, &r, HTTP_TIMEOUT_MS, false);
}

/* A request with the credentials in its form, behind more header lines. */
static char *form_request(const char *headers, const char *client_id, const char *secret)
{
	static char text[1024];
	char body[256];
	int n = snprintf(body, sizeof body, CREDENTIALS, client_id, secret);
	snprintf(text, sizeof text, "POST /oauth2/token HTTP/1.1\r\nHost: x\r\n" FORM "%sContent-Length: %d\r\n\r\n%s", headers, n, body);
	return text;
}

static int ask_fast(const char *client_id, const char *secret)
{
	return send_and_read(form_request("", client_id, secret), 0);
}

static int ask_slow(const char *client_id, const char *secret)
{
	return send_and_read(form_request(SLOW, client_id, secret), 0);
}

static int ask_in_pieces(const char *client_id, const char *secret)
{
	char *text = form_request("", client_id, secret);
	return send_and_read(text, strlen(text) - 20);
}

static int ask_slow_in_pieces(const char *client_id, const char *secret)
{
	char *text = form_request(SLOW, client_id, secret);
	return send_and_read(text, strlen(text) - 20);
}

static int ask_pipelined(const char *client_id, const char *secret)
{
	char both[2048];
	snprintf(both, sizeof both, "%s", form_request("", client_id, secret));
	size_t n = strlen(both);
	snprintf(both + n, sizeof both - n, "%s", form_request(SLOW, client_id, secret));
	int first = send_and_read(both, 0);
	return http_read(&conn, &r, HTTP_TIMEOUT_MS, false) == first ? first : 0;
}

static int ask_chunked(const char *client_id, const char *secret)
{
	char text[1024], body[256];
	int n = snprintf(body, sizeof body, CREDENTIALS, client_id, secret), first = n - 20;
	snprintf(text, sizeof text,
		 "POST /oauth2/token HTTP/1.1\r\nHost: x\r\n" FORM "Transfer-Encoding: chunked\r\n\r\n"
		 "%x\r\n%.*s\r\n%x\r\n%s\r\n0\r\n\r\n",
		 (unsigned)first, first, body, (unsigned)(n - first), body + first);
	return send_and_read(text, 0);
}

static int basic(const char *headers, const char *client_id, const char *secret)
{
	char text[1024], both[128], encoded[256];
	snprintf(both, sizeof both, "%s:%s", client_id, secret);
	snprintf(text, sizeof text,
		 "POST /oauth2/token HTTP/1.1\r\nHost: x\r\n" FORM "%sAuthorization: Basic %s\r\nContent-Length: 29\r\n\r\n"
		 "grant_type=client_credentials",
		 headers, base64_text(encoded, sizeof encoded, both, strlen(both)));
	return send_and_read(text, 0);
}

static int ask_basic(const char *client_id, const char *secret)
{
	return basic("", client_id, secret);
}

static int ask_slow_basic(const char *client_id, const char *secret)
{
	return basic(SLOW, client_id, secret);
}

static int ask_query(const char *client_id, const char *secret)
{
	char text[1024];
	snprintf(text, sizeof text, "POST /oauth2/token?" CREDENTIALS " HTTP/1.1\r\nHost: x\r\n" FORM "Content-Length: 0\r\n\r\n",
		 client_id, secret);
	return send_and_read(text, 0);
}

static int json(const char *headers, const char *client_id, const char *secret)
{
	char text[TOKEN_MAX + 1024], body[256];
	int n = snprintf(body, sizeof body, "{\"grant_type\":\"client_credentials\",\"client_id\":\"%s\",\"client_secret\":\"%s\"}",
			 client_id, secret);
	snprintf(text, sizeof text,
		 "POST /m2m/token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"
		 "%sContent-Length: %d\r\n\r\n%s",
		 admin, headers, n, body);
	return send_and_read(text, 0);
}

static int ask_json(const char *client_id, const char *secret)
{
	return json("", client_id, secret);
}

static int ask_slow_json(const char *client_id, const char *secret)
{
	return json(SLOW, client_id, secret);
}

static int ask_grpc(const char *client_id, const char *secret)
{
	static struct grpc_reply g;
	return grpc_token(&w, admin, client_id, secret, NULL, &g);
}

/* The right secret of these is the one that the answer has. */
static int ask_to_read(const char *client_id, const char *secret)
{
	(void)client_id, (void)secret;
	char text[TOKEN_MAX + 256];
	snprintf(text, sizeof text, "GET /m2m/client-secret HTTP/1.1\r\nHost: x\r\n" SLOW "Authorization: Bearer %s\r\n\r\n", admin);
	return send_and_read(text, 0);
}

static int ask_to_read_by_grpc(const char *client_id, const char *secret)
{
	(void)client_id, (void)secret;
	static struct grpc_reply g;
	return grpc_get_secret(&w, admin, NULL, &g);
}

static struct way ways[] = {
	{"a form", ask_fast, 200, 401, "", ""},
	{"a form that evhttp parses", ask_slow, 200, 401, "", ""},
	{"a form in two pieces", ask_in_pieces, 200, 401, "", ""},
	{"a form in two pieces that evhttp parses", ask_slow_in_pieces, 200, 401, "", ""},
	{"two forms in one piece", ask_pipelined, 200, 401, "", ""},
	{"a form in chunks", ask_chunked, 200, 401, "", ""},
	{"HTTP Basic", ask_basic, 200, 401, "", ""},
	{"HTTP Basic that evhttp parses", ask_slow_basic, 200, 401, "", ""},
	{"a query", ask_query, 400, 400, "", ""},
	{"JSON", ask_json, 200, 401, "", ""},
	{"JSON that evhttp parses", ask_slow_json, 200, 401, "", ""},
	{"gRPC", ask_grpc, 0, 16, "", ""},
	{"reading it", ask_to_read, 200, 200, "", ""},
	{"reading it by gRPC", ask_to_read_by_grpc, 0, 0, "", ""},
};
enum { WAYS = sizeof ways / sizeof *ways };

/* ---- the search ---- */

struct needle {
	const char *of, *what;
	char bytes[PIECE];
	unsigned found;
};

static struct needle needles[WAYS * 2 * PIECES_MAX + 1];
static unsigned needles_n;

static void add(const char *of, const char *what, const char *bytes)
{
	require(needles_n < sizeof needles / sizeof *needles, "too many needles");
	struct needle *one = &needles[needles_n++];
	*one = (struct needle){.of = of, .what = what};
	memcpy(one->bytes, bytes, PIECE);
}

/* What stands before and behind is no secret: the prefix, and the checksum. */
static void add_secret(const char *of, const char *client_id, const char *secret)
{
	char both[128], encoded[256];
	snprintf(both, sizeof both, "%s:%s", client_id, secret);
	base64_text(encoded, sizeof encoded, both, strlen(both));
	for (unsigned i = 0; i < 5; i++)
		add(of, "the secret", secret + 5 + i * PIECE);
	for (unsigned i = 0; i < 5; i++)
		add(of, "the secret in base64", encoded + 44 + i * PIECE);
}

#define PAGE 4096

static bool begins[65536]; /* by the first two bytes of a needle */

static unsigned two_bytes(const char *at)
{
	return (unsigned)(unsigned char)at[0] << 8 | (unsigned char)at[1];
}

static void index_needles(void)
{
	for (unsigned i = 0; i < needles_n; i++)
		begins[two_bytes(needles[i].bytes)] = true;
}

static void compare(const char *at)
{
	for (unsigned i = 0; i < needles_n; i++)
		needles[i].found += memcmp(at, needles[i].bytes, PIECE) == 0;
}

/* Most of the memory is zeros, which hold nothing. Behind `n` there are PIECE bytes to look at. */
__attribute__((no_sanitize("address", "undefined"))) static void search(const char *bytes, size_t n)
{
	for (size_t page = 0; page < n; page += PAGE) {
		if (memcmp(bytes + page, bytes + page + 1, PAGE - 1) == 0)
			continue;
		for (const char *at = bytes + page; at < bytes + page + PAGE; at++)
			if (begins[(unsigned)(unsigned char)at[0] << 8 | (unsigned char)at[1]])
				compare(at);
	}
}

/* A sanitizer's shadow is a region of terabytes, most of which doesn't exist. */
#define REGION_MAX (size_t)(512 << 20)

static void search_memory(pid_t pid)
{
	char path[64], line[512];
	snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	FILE *maps = fopen(path, "re");
	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	int memory = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert(maps != NULL && memory >= 0);
	while (fgets(line, sizeof line, maps) != NULL) {
		size_t from, to;
		char rights[8];
		if (sscanf(line, "%zx-%zx %7s", &from, &to, rights) != 3 || rights[0] != 'r' || rights[1] != 'w' || to - from > REGION_MAX)
			continue;
		char *bytes = calloc(1, to - from + PIECE);
		ssize_t n = pread(memory, bytes, to - from, (off_t)from);
		if (n > 0)
			search(bytes, (size_t)n);
		free(bytes);
	}
	fclose(maps);
	close(memory);
}

static void prepare(void)
{
	world_prepare(&w, false);
	env_set(&w.gateway_env, "M2M_WORKERS=1");
	env_set(&w.gateway_env, "M2M_ISSUER=" ISSUER);
	env_set(&w.ctl_env, "M2M_ISSUER=" ISSUER);
	gateway_start(&w.gateway, &w.gateway_env);
	org_create(&w, "acme", &acme);
	mint(&w, "acme", "admin", admin);
}

static void finish(void)
{
	world_close(&w);
}

TestSuite(memory, .init = prepare, .fini = finish, .timeout = 240);

/* Each way with the client's present secret, which is then replaced, and with one that is
 * nobody's. */
static void go(struct way *way)
{
	/* by m2mctl, so that the gateway sees it only in this way's requests */
	struct ctl_result ran;
	world_ctl(&w, &ran, "client", "rotate", "--org", "acme", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_SECRET", way->right, SECRET_MAX);
	random_secret(way->wrong);
	cr_assert_eq(way->ask(acme.client_id, way->right), way->granted, "%s: %s", way->name, r.body);
	cr_assert_eq(way->ask(acme.client_id, way->wrong), way->refused, "%s: %s", way->name, r.body);
	add_secret(way->name, acme.client_id, way->right);
	add_secret(way->name, acme.client_id, way->wrong);
}

Test(memory, no_piece_of_a_secret_stays_when_its_request_is_answered)
{
	cr_assert(http_open(&conn, w.gateway.http));
	for (unsigned i = 0; i < WAYS; i++)
		go(&ways[i]);
	add("the issuer", "the setting", ISSUER + 12);
	index_needles();
	search_memory(w.gateway.pid);
	for (unsigned i = 0; i + 1 < needles_n; i++)
		cr_expect_eq(needles[i].found, 0, "%s: %s is there %u times, piece %u", needles[i].of, needles[i].what, needles[i].found,
			     i % 5);
	cr_expect_gt(needles[needles_n - 1].found, 0, "what is there isn't found");
	http_close(&conn);
}
