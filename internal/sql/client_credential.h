/* Clients' credentials besides their secrets as both programs handle them: what is registered, and
 * what is shown of it. Plain data; strings are borrowed from whoever filled them in. */
#ifndef M2M_SQL_CLIENT_CREDENTIAL_H
#define M2M_SQL_CLIENT_CREDENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/uuid.h"

#define WORKLOAD_SUBJECT_MAX   1024
#define WORKLOAD_CLAIMS_MAX    2048 /* bytes of JSON */
#define WORKLOAD_CLAIMS_DEPTH  4
#define WORKLOAD_CLAIMS_VALUES 64

/* What of a workload's token is asked for; absent of other kinds. */
struct workload_terms {
	struct str issuer;   /* exactly */
	struct str subject;  /* exactly; absent: any */
	struct str audience; /* among the token's */
	/* JSON: an object, each of whose members the token has with this value
	 * (op/workload_token.h) */
	struct str claims;
	bool may_replay; /* a token may be shown again, and needs no jti */
};

/* What is to be registered. */
struct client_credential_spec {
	/* of a key its RFC 7638 thumbprint, base64url; of a certificate "x5t#S256:<thumbprint>", or
	 * RFC 8705's parameter and the name in canonical form,
	 * "tls_client_auth_san_dns:host.example"; of a workload a thumbprint of its terms */
	struct str credential_id;
	struct str kind;       /* "key", "certificate" or "workload"; static */
	struct str public_jwk; /* of a key */
	struct workload_terms workload;
	struct str name;    /* absent: none */
	int64_t expires_at; /* microseconds since 1970; 0: it has no end of its own */
};

/* What is registered. */
struct registered_credential {
	struct uuid organization_id;
	struct str client_id, credential_id, kind, name;
	struct str public_jwk; /* of a key */
	struct str kty, alg;   /* of public_jwk; absent alg: any that fits the key */
	struct workload_terms workload;
	int64_t created_at, expires_at; /* 0: it has no end of its own */
};

/* A key as somebody pastes it: a public JWK, a JWK Set of one key, or PEM (crypto/client_key.h),
 * with its name and end as they were given. An end that can't be read is negative. `now`:
 * microseconds since 1970. *ret lives in `a`.
 *
 * ERR_MALFORMED, with a sentence for whoever pasted it in *ret_why (static); ERR_NO_MEMORY,
 * ERR_CRYPTO: without one. */
MUST_CHECK enum err client_credential_read_key(struct arena *a, struct str text, struct str name, int64_t expires_at, int64_t now,
					       struct client_credential_spec *ret, const char **ret_why);

/* What a workload's token has to say, as it was written: `given` may lack subject and claims, but
 * not both. *ret has the claims in one form, and an id that is a thumbprint of the terms: what has
 * the same id has the same terms. As client_credential_read_key otherwise. */
MUST_CHECK enum err client_credential_read_workload(struct arena *a, const struct workload_terms *given, struct str name,
						    int64_t expires_at, int64_t now, struct client_credential_spec *ret,
						    const char **ret_why);

#endif
