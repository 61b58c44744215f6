/* Clients' credentials besides their secrets as both programs handle them: what is registered, and
 * what is shown of it. Plain data; strings are borrowed from whoever filled them in. */
#ifndef M2M_SQL_CLIENT_CREDENTIAL_H
#define M2M_SQL_CLIENT_CREDENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/uuid.h"
#include "crypto/certificate.h"

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

/* When a credential gave its last token, to whom. */
struct last_use {
	int64_t at; /* microseconds since 1970; 0: never, as far as is known */
	struct str remote_addr, user_agent;
	/* 0: `at` is exact; else it may have been used after that and before this time */
	int64_t unknown_until;
};

/* What is registered. */
struct registered_credential {
	struct uuid organization_id;
	struct str client_id, credential_id, kind, name;
	struct str public_jwk; /* of a key */
	struct str kty, alg;   /* of public_jwk; absent alg: any that fits the key */
	struct workload_terms workload;
	int64_t created_at, expires_at; /* 0: it has no end of its own */
	struct last_use last_use;       /* of a listed one */
	/* of a live secret, whose kind is "secret" and whose id its version: as secret_hint, and
	 * the actor who made it, absent where that isn't known */
	struct str hint, created_by;
};

/* A certificate as somebody names it; one of them is there. */
struct certificate_input {
	struct str pem; /* this one */
	/* any with this name that an authority vouches for (RFC 8705 section 2.1.2) */
	struct str names[CERTIFICATE_NAME_COUNT];
};

/* A key as somebody pastes it: a public JWK, a JWK Set of one key, or PEM (crypto/client_key.h),
 * with its name and end as they were given. An end that can't be read is negative. `now`:
 * microseconds since 1970. *ret lives in `a`.
 *
 * ERR_MALFORMED, with a sentence for whoever pasted it in *ret_why (static); ERR_NO_MEMORY,
 * ERR_CRYPTO: without one. */
MUST_CHECK enum err client_credential_read_key(struct arena *a, struct str text, struct str name, int64_t expires_at, int64_t now,
					       struct client_credential_spec *ret, const char **ret_why);

/* As client_credential_read_key. A certificate that is given whole ends when it says so itself,
 * unless an earlier end is given. */
MUST_CHECK enum err client_credential_read_certificate(struct arena *a, const struct certificate_input *input, struct str name,
						       int64_t expires_at, int64_t now, struct client_credential_spec *ret,
						       const char **ret_why);

/* What a workload's token has to say, as it was written: `given` may lack subject and claims, but
 * not both. *ret has the claims in one form, and an id that is a thumbprint of the terms: what has
 * the same id has the same terms. As client_credential_read_key otherwise. */
MUST_CHECK enum err client_credential_read_workload(struct arena *a, const struct workload_terms *given, struct str name,
						    int64_t expires_at, int64_t now, struct client_credential_spec *ret,
						    const char **ret_why);

#endif
