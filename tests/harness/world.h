/* What most end-to-end tests need: a migrated database of the test's own, a gateway on it,
 * organizations, tokens; and short words for the calls. */
#ifndef M2M_TESTS_HARNESS_WORLD_H
#define M2M_TESTS_HARNESS_WORLD_H

#include "harness/ctl.h"
#include "harness/gateway.h"
#include "harness/h2.h"
#include "harness/http.h"
#include "harness/pg.h"
#include "harness/shared.h"
#include "harness/sql.h"

#define TOKEN_MAX  4096
#define SECRET_MAX 64

struct world {
	struct pg pg;
	bool own_cluster;
	char database[64];
	struct env ctl_env;
	struct env gateway_env;
	struct gateway gateway;
	PGconn *db; /* as superuser; NULL: not open */
};

struct org {
	char slug[64];
	char id[40];
	char client_id[132]; /* as long as one that was brought along */
	char secret[SECRET_MAX];
};

#define KEPT_MAX 8

/* What the tests of a program begin with. Criterion's runner makes it once, where each test would
 * start m2mctl for every organization and token. `make` gets a world without a gateway; the
 * variables that it sets are given to each test that takes a filled world:
 *
 *     WORLD_FILLED(make, KEPT(acme), KEPT(admin)); */
struct world_filling {
	void (*make)(struct world *w);
	struct kept {
		void *at;
		size_t n;
	} kept[KEPT_MAX];
};
/* defined by programs that have one */
extern const struct world_filling world_filling __attribute__((weak));
/* for shared_hooks.c */
void world_fill(void);

#define KEPT(variable)                                                                                                                     \
	{                                                                                                                                  \
		&(variable), sizeof(variable)                                                                                              \
	}
#define WORLD_FILLED(function, ...) const struct world_filling world_filling = {.make = (function), .kept = {__VA_ARGS__}}

/* A database of its own, on the shared cluster or on a cluster of its own, and the settings for
 * both programs; no gateway yet. */
void world_prepare(struct world *w, bool own_cluster);
/* world_prepare on the shared cluster, and a gateway. */
void world_open(struct world *w);
/* The same, with all that WORLD_FILLED's function made, and the variables that it set. */
void world_prepare_filled(struct world *w, bool own_cluster);
void world_open_filled(struct world *w);
/* Stops what runs; fails the test if the gateway doesn't end as it should. */
void world_close(struct world *w);

/* The superuser's connection, opened at first use; opened again after the cluster was restarted. */
PGconn *world_db(struct world *w);

/* m2mctl with this world's settings; requires exit code 0. */
void world_ctl_run(struct world *w, struct ctl_result *ret, const char *const *args);
#define world_ctl(w, ret, ...) world_ctl_run(w, ret, (const char *const[]){__VA_ARGS__, NULL})

void org_create(struct world *w, const char *slug, struct org *ret);
/* The operator's token with a role of the organization. */
void mint(struct world *w, const char *slug, const char *role, char out[TOKEN_MAX]);
/* One that opens the operator's API instead. */
void mint_platform(struct world *w, const char *subject, char out[TOKEN_MAX]);

/* Calls on a connection of their own; each returns the status. */
int get(const struct world *w, const char *path, const char *bearer, struct http_reply *r);
int post_json(const struct world *w, const char *path, const char *bearer, const char *body, struct http_reply *r);
int post_form(const struct world *w, const char *path, const char *bearer, const char *body, struct http_reply *r);
/* POST /oauth2/token with the credentials in the form. */
int oauth_token(uint16_t port, const char *client_id, const char *secret, struct http_reply *r);
/* POST /m2m/token, JSON. */
int m2m_token(const struct world *w, const char *bearer, const char *client_id, const char *secret, struct http_reply *r);
/* POST /m2m/rotate; a negative grace sends no body. */
int rotate(const struct world *w, const char *bearer, long grace_seconds, struct http_reply *r);

/* The four operations over gRPC, on a connection of their own; each returns grpc-status.
 * `metadata` as grpc_request's. */
int grpc_get_id(const struct world *w, const char *bearer, const char *metadata, struct grpc_reply *r);
int grpc_get_secret(const struct world *w, const char *bearer, const char *metadata, struct grpc_reply *r);
int grpc_token(const struct world *w, const char *bearer, const char *client_id, const char *secret, const char *metadata,
	       struct grpc_reply *r);
int grpc_rotate(const struct world *w, const char *bearer, int64_t grace_seconds, const char *metadata, struct grpc_reply *r);
/* IssueTokenRequest with grant_type client_credentials, in a static buffer. */
const struct pb *token_message(const char *client_id, const char *secret);

#define GRPC_GET_ID     "/m2m.v1.M2MClients/GetClientId"
#define GRPC_GET_SECRET "/m2m.v1.M2MClients/GetClientSecret"
#define GRPC_TOKEN      "/m2m.v1.M2MClients/IssueToken"
#define GRPC_ROTATE     "/m2m.v1.M2MClients/RotateClientSecret"

/* A new access token of the client, in `out`. */
void client_token(const struct world *w, const struct org *o, char out[TOKEN_MAX]);

/* A secret that is well formed, with its right checksum, and nobody's. */
void wrong_secret(char out[SECRET_MAX]);
/* The same, unlike anything else. */
void random_secret(char out[SECRET_MAX]);

/* A metric of the gateway, whose name may have labels; -1: there is none. */
long gateway_metric(const struct world *w, const char *name);

/* Members of a JSON body. body_text gives "" and body_int INT64_MIN when there is no such member
 * of that type. */
const char *body_text(const struct http_reply *r, const char *key, char *out, size_t cap);
int64_t body_int(const struct http_reply *r, const char *key);
/* The same of a token's claims, without checking its signature. */
const char *claim_text(const char *token, const char *name, char *out, size_t cap);
int64_t claim_int(const char *token, const char *name);

/* True if the body is an RFC 6749 error with this `error`, or a problem+json with this `code`. */
bool is_oauth_error(const struct http_reply *r, const char *error);
bool is_problem(const struct http_reply *r, const char *code);

#endif
