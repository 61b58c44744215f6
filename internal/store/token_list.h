/* An organization's own record of tokens, for its admins: the gateway asks a function of the
 * database that gives it the caller's organization and no other (migrations/0006). Listing isn't
 * an act, and is not recorded. */
#ifndef M2M_STORE_TOKEN_LIST_H
#define M2M_STORE_TOKEN_LIST_H

#include "store/store.h"

#define TOKEN_PAGE_MAX 100

/* What a listed token must be; what isn't given doesn't matter. */
struct token_filter {
	struct str client_id;
	const struct uuid *jti; /* NULL: any */
	int32_t secret_version; /* 0: any */
	struct str remote_addr; /* an address, or a network in CIDR form */
	struct str auth_method; /* a word of sql/auth_method.h */
	struct str credential;  /* as listed_token's */
	/* of issued_at, microseconds since 1970, `until` excluded; 0: no bound */
	int64_t since, until;
};

/* A place in the list, which is in the order of time and jti, the youngest first. */
struct token_place {
	int64_t issued_at;
	struct uuid jti;
};

/* A row of token_audit. Text is borrowed until the callback returns. */
struct listed_token {
	int64_t issued_at, expires_at;
	struct uuid jti, request_id;
	int32_t secret_version; /* 0: an operator's token */
	char transport;
	struct str client_id, kid, caller, scope, audience, remote_addr, user_agent;
	/* how the client authenticated (m2m.auth_method_name), with which credential unless that is
	 * the secret, and what the token is bound to; each may be absent */
	struct str auth_method, credential, bound_to;
	/* of an operator's list; absent: the platform's or an operator's token */
	struct str slug, organization_name;
	struct uuid organization_id;
};

struct token_page {
	const struct listed_token *rows;
	size_t n; /* it may be fewer than asked for, and more to come */
	bool more;
	struct token_place next; /* where the next page begins, when there is more */
};

/* err: ERR_OK, INVALID_TOKEN, FORBIDDEN, STORE_UNAVAILABLE, INTERNAL. `page` is NULL unless
 * ERR_OK. */
typedef void token_list_done(void *arg, enum err err, const struct token_page *page);

/* `before` NULL: from the youngest. limit: 1 to TOKEN_PAGE_MAX. Answers ERR_OK when the
 * statement is on its way; otherwise `done` isn't called. */
MUST_CHECK enum err token_list(struct store *s, const struct bearer *bearer, const struct token_filter *filter,
			       const struct token_place *before, int32_t limit, token_list_done *done, void *arg);

/* For an operator: of all organizations, or of one (slug or id). ORGANIZATION_NOT_FOUND. */
MUST_CHECK enum err token_list_all(struct store *s, const struct operator_proof *by, struct str org, const struct token_filter *filter,
				   const struct token_place *before, int32_t limit, token_list_done *done, void *arg);

#endif
