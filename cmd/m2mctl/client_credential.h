/* What `m2mctl client key` and `m2mctl client workload` have in common: whose credential it is,
 * and until when. */
#ifndef M2MCTL_CLIENT_CREDENTIAL_H
#define M2MCTL_CLIENT_CREDENTIAL_H

#include "ctl.h"
#include "operator/client_credential.h"
#include "options.h"

#define CREDENTIAL_EXPIRES_IN_MAX 315360000 /* ten years */

struct whose {
	struct str client_id, org;
};

#define WHOSE_ROWS(w)                                                                                                                      \
	{"--org", OPTION_TEXT, &(w).org, 0, 0},                                                                                            \
	{                                                                                                                                  \
		"--client", OPTION_TEXT, &(w).client_id, 0, 0                                                                              \
	}
#define WHOSE_USAGE "--org SLUG | --client CLIENT_ID"
#define WHOSE_HELP                                                                                                                         \
	"  --org SLUG            the organization, by slug or id: its default client\n"                                                    \
	"  --client CLIENT_ID    the client; with --org, it must be the organization's\n"

/* `kind` is for the sentence: "key". */
int check_whose(const struct ctl *ctl, const struct whose *whose, const char *kind);
/* Connects. */
int find_client(struct ctl *ctl, const struct whose *whose, struct client *ret);

/* What a credential is called, and its end. */
struct credential_naming {
	struct str name, expires_at;
	int32_t expires_in; /* seconds; 0: not given */
};

#define NAMING_ROWS(o)                                                                                                                     \
	{"--name", OPTION_TEXT, &(o).name, 0, 0}, {"--expires-in", OPTION_NUMBER, &(o).expires_in, 1, CREDENTIAL_EXPIRES_IN_MAX},          \
	{                                                                                                                                  \
		"--expires-at", OPTION_TEXT, &(o).expires_at, 0, 0                                                                         \
	}

int check_naming(const struct ctl *ctl, const struct credential_naming *o);
/* Microseconds since 1970; 0: no end, negative: one that can't be read. */
int64_t end_of(const struct credential_naming *o, int64_t now);

#endif
