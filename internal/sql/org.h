/* Organizations and their clients as both programs handle them: what is read, what is made, what
 * is changed. Plain data; strings are borrowed from whoever filled them in. */
#ifndef M2M_SQL_ORG_H
#define M2M_SQL_ORG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "base/uuid.h"
#include "sql/networks.h"

struct words {
	const struct str *v; /* NULL: not given */
	size_t n;
};

/* When a secret that is to be made ends; none given: never by itself. */
struct secret_end {
	int32_t in; /* seconds from its making; 0: not given, negative: none that can be */
	int64_t at; /* microseconds since 1970; 0: not given, negative: none that can be */
};
#define SECRET_END_IN_MIN 60        /* seconds */
#define SECRET_END_IN_MAX 315360000 /* ten years */

struct org {
	struct uuid organization_id;
	struct str slug, name;
	/* of an outside issuer; external_id is absent without one */
	struct str issuer, external_id;
	struct str client_id; /* of its default client */
	int64_t created_at;   /* microseconds since 1970, as all times here */
	int64_t disabled_at;  /* 0: enabled */
	struct str networks;  /* joined with spaces; absent: any */
	/* seconds from a secret's making to its end, at most; 0: as long as it is set to */
	int32_t secret_max_age;
	int64_t clients; /* how many it has; ORG_CLIENTS_MAX: so many or more; -1: not told */
	/* its entity-tag (RFC 9110 section 8.8.3), with quotes; absent: not told */
	struct str tag;
};
#define ORG_CLIENTS_MAX 10000

struct client {
	struct str client_id;
	struct uuid organization_id;
	struct str organization; /* its slug */
	bool is_default;
	struct str name;
	/* each joined with spaces; the first audience is the default */
	struct str roles, scopes, audiences;
	int32_t token_lifetime; /* seconds */
	struct str token_type;  /* "JWT", "at+jwt"; absent: as M2M_ACCESS_TOKEN_TYPE says */
	int32_t secret_version;
	struct str hint; /* the last characters of the current secret */
	int64_t secret_created_at;
	struct str secret_created_by; /* absent: it isn't known */
	int64_t secret_expires_at;    /* 0: it has no end */
	int64_t created_at;
	int64_t disabled_at; /* 0: enabled */
	struct str networks; /* joined with spaces; absent: any */
	/* joined with spaces: "secret", "key", "certificate", "workload" */
	struct str auth_methods;
	struct str token_binding; /* "dpop", "certificate", "any"; absent: none */
	struct str profile;       /* "fapi2"; absent: none */
	struct str tag;           /* as struct org's */
};

enum change { CHANGE_NONE, CHANGE_ON, CHANGE_OFF };

/* What a list of organizations is of. */
struct org_search {
	struct str search;    /* absent: all */
	enum change disabled; /* disabled ones alone, enabled ones alone; NONE: both */
};
#define SEARCH_MAX 200 /* bytes */

/* A client among those of all organizations. */
struct found_client {
	struct str client_id, name;
	struct uuid organization_id;
	struct str slug, organization_name;
	int64_t disabled_at, created_at, last_used_at; /* 0: enabled; 0: never, as far as is known */
};

/* What a list of clients is of: those whose ids, and behind them those whose names, begin so. */
struct client_search {
	struct str search; /* "": all */
	/* the place of the last one before: 'i' among the ids, 'n' among the names; 0: from the
	 * first */
	char place;
	struct str after;
};

/* What isn't given stays, or, for something new, takes its default where it has one. */
struct client_spec {
	struct str name;
	struct words roles, scopes, audiences;
	int32_t token_lifetime; /* 0: not given */
	struct str token_type;  /* "JWT", "at+jwt", "default": as the setting says */
	enum change disabled;   /* of a change */
	/* ON: in place of the present one; OFF: refused where it is the default */
	enum change is_default;
	struct networks networks;
	struct words auth_methods; /* not given, of something new: the secret alone */
	struct str token_binding;  /* "none", "dpop", "certificate", "any" */
	struct str profile;        /* "none", "fapi2" */
	struct secret_end secret;  /* of something new: its first secret's end */
	struct words if_match;     /* of a change: entity-tags, one of which it must have */
};

struct org_spec {
	struct str slug, name;
	struct str issuer, external_id;
	struct networks networks;
	int32_t secret_max_age;    /* seconds; 0: none */
	struct client_spec client; /* of the default client; everything must be given */
};

struct org_change {
	struct str name;
	struct str issuer, external_id; /* given together; an external_id of "" takes both away */
	enum change disabled;
	struct networks networks;
	bool has_secret_max_age; /* it is given */
	int32_t secret_max_age;  /* seconds; 0: none, which leaves the ends that are set */
	struct words if_match;   /* as struct client_spec's */
};

/* The rules for what people and programs may ask for, the same over the API and on the command
 * line: NULL, or a static sentence about the first that is broken. What isn't given is not
 * looked at, except an organization's slug. */
#define CLIENT_LIFETIME_MIN 60      /* seconds; as the schema has it */
#define CLIENT_LIFETIME_MAX 2592000 /* 30 days: for as long a retired signing key stays published */
#define SECRET_MAX_AGE_MIN  3600    /* seconds */
#define SECRET_MAX_AGE_MAX  SECRET_END_IN_MAX
bool word_is_auth_method(struct str word); /* a kind of credential, as auth_methods names them */
const char *client_spec_fault(const struct client_spec *c);
const char *client_new_fault(const struct client_spec *c); /* the same of something new */
const char *org_spec_fault(const struct org_spec *o);      /* and of its client */
const char *org_change_fault(const struct org_change *c);
/* `now`: microseconds since 1970. */
const char *secret_end_fault(const struct secret_end *end, int64_t now);

#endif
