/* What the commands about a client's credentials have in common, whatever their kind. */
#ifndef M2MCTL_CREDENTIAL_OPTIONS_H
#define M2MCTL_CREDENTIAL_OPTIONS_H

#include "ctl.h"
#include "operator/client.h"
#include "operator/client_credential.h"
#include "options.h"

/* ---- whose ---- */

struct credential_owner {
	struct str client_id, org;
};

#define CREDENTIAL_OWNER_ROWS(w)                                                                                                           \
	{"--org", OPTION_TEXT, &(w).org, 0, 0},                                                                                            \
	{                                                                                                                                  \
		"--client", OPTION_TEXT, &(w).client_id, 0, 0                                                                              \
	}
#define CREDENTIAL_OWNER_USAGE "--org SLUG | --client CLIENT_ID"
#define CREDENTIAL_OWNER_HELP                                                                                                              \
	"  --org SLUG            the organization, by slug or id: its default client\n"                                                    \
	"  --client CLIENT_ID    the client; with --org, it must be the organization's\n"

/* Either answers EXIT_DONE, or has said what is wrong. `kind`: "key". */
int check_credential_owner(const struct ctl *ctl, const struct credential_owner *owner, const char *kind);
int find_credential_owner(struct ctl *ctl, const struct credential_owner *owner, struct client *ret);

/* ---- removing one ---- */

/* `m2mctl client KIND remove`; `print` shows what was removed. */
int remove_credential(struct ctl *ctl, char **args, const char *kind, int (*print)(struct ctl *, const struct registered_credential *));

/* ---- until when ---- */

struct credential_end {
	struct str at;
	int32_t in; /* seconds; 0: not given */
};

#define CREDENTIAL_END_MAX 315360000 /* ten years */
#define SECRET_END_USAGE   "[--expires-in DURATION | --expires-at TIME]"
#define SECRET_END_HELP                                                                                                                    \
	"  --expires-in D      the secret ends so long after it was made, such as 45m, 48h or 90d (a minute to ten years)\n"               \
	"  --expires-at TIME   it ends then, such as 2027-01-31T00:00:00Z; the organization's --secret-max-age may end it earlier\n"
#define CREDENTIAL_END_ROWS(e)                                                                                                             \
	{"--expires-in", OPTION_DURATION, &(e).in, 1, CREDENTIAL_END_MAX},                                                                 \
	{                                                                                                                                  \
		"--expires-at", OPTION_TEXT, &(e).at, 0, 0                                                                                 \
	}

int check_credential_end(const struct ctl *ctl, const struct credential_end *end);
/* The same for a secret that is to be made, and *ret is its end. */
int check_secret_end(struct ctl *ctl, const struct credential_end *end, struct secret_end *ret);

/* Microseconds since 1970; 0: no end, negative: one that can't be read. */
int64_t credential_end_us(const struct credential_end *end, int64_t now);

#endif
