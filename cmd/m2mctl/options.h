/* A command's arguments: options by name, and at most one positional. `--name value` and
 * `--name=value` are the same.
 *
 * Which options there are, and the words that an option takes, stand in the command's usage
 * string (usage.h); here a command binds each of them to a variable. */
#ifndef M2MCTL_OPTIONS_H
#define M2MCTL_OPTIONS_H

#include "base/str.h"
#include "ctl.h"
#include "operator/client.h"

#define WORDS_MAX   64 /* of one option: as many as a client may have scopes */
#define OPTIONS_MAX 16 /* of one command */

struct word_list {
	struct str v[WORDS_MAX];
	size_t n;
};

struct option {
	const char *name;
	enum { OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER, OPTION_DURATION, OPTION_WORDS } kind;
	void *value; /* bool, struct str, int32_t, int32_t of seconds, struct word_list */
	int32_t min; /* of a number or a duration */
	int32_t max;
};

/* Reads all of `args`. `options` must be those of the usage string; --output and --help are
 * understood everywhere, and --secret-name and --namespace, which go with
 * --output k8s-secret, where the usage string has them. `positional` NULL: none is taken.
 * Answers EXIT_DONE, EXIT_USAGE (printed) or EXIT_HELP. */
int options_read(struct ctl *ctl, char **args, const struct option *options, size_t n, struct str *positional);

/* The list as the store takes it: absent when the option wasn't given. */
struct words words_of(const struct word_list *list);
/* The same; "none" gives the empty list. */
struct words roles_of(const struct word_list *list);

/* Checks shared by several commands; each prints the usage line itself and answers EXIT_DONE or
 * EXIT_USAGE. "none" must stand alone. */
int check_roles(struct ctl *ctl, const struct word_list *roles, bool none_allowed);
int check_scopes(struct ctl *ctl, const struct word_list *scopes);
int check_audiences(struct ctl *ctl, const struct word_list *audiences);
int check_auth_methods(struct ctl *ctl, const struct word_list *methods);
/* --allow-network: *ret is absent when it wasn't given; "any" stands alone. */
int check_networks(struct ctl *ctl, const struct word_list *networks, struct networks *ret);
/* What sql/org.h says of a specification: a fault, or NULL. */
int check_spec(struct ctl *ctl, const char *fault);
/* For what takes something away for good: refuses without --yes. */
int check_yes(struct ctl *ctl, bool yes, const char *what_happens);

#endif
