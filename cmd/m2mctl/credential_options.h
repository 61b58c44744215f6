/* What the commands about a client's credentials have in common, whatever their kind. */
#ifndef M2MCTL_CREDENTIAL_OPTIONS_H
#define M2MCTL_CREDENTIAL_OPTIONS_H

#include "ctl.h"
#include "operator/client.h"
#include "operator/client_credential.h"
#include "options.h"
#include "output.h"

/* How the commands about one kind name and show what they are about. */
struct credential_kind {
	const char *name, *plural; /* "key", "keys" */
	int (*print)(struct ctl *ctl, const struct registered_credential *c);
	/* of a list: a row has so many fields */
	size_t columns;
	void (*put_row)(struct ctl *ctl, const struct registered_credential *c, struct field *row);
};

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

/* Either answers EXIT_DONE, or has said what is wrong. The first reads the options, which have
 * `owner`'s among them. */
int read_credential_options(struct ctl *ctl, char **args, const struct option *options, size_t n, const struct credential_owner *owner,
			    const struct credential_kind *kind);
int find_credential_owner(struct ctl *ctl, const struct credential_owner *owner, struct client *ret);

/* ---- the commands `m2mctl client KIND list`, `add` and `remove` ---- */

int list_credentials(struct ctl *ctl, char **args, const struct credential_kind *kind);

/* What client_credential_read_* answered, as an exit code; has said what is wrong. */
int credential_read_ended(const struct ctl *ctl, const struct credential_kind *kind, enum err err, const char *why);
int add_credential(struct ctl *ctl, const struct client *client, const struct client_credential_spec *spec,
		   const struct credential_kind *kind);

int remove_credential(struct ctl *ctl, char **args, const struct credential_kind *kind);

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
