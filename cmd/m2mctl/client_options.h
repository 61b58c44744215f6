/* The options that say what a client is and may do: of org create, client create and client set. */
#ifndef M2MCTL_CLIENT_OPTIONS_H
#define M2MCTL_CLIENT_OPTIONS_H

#include "ctl.h"
#include "options.h"
#include "sql/org.h"

#define LIFETIME_DEFAULT 86400

struct client_options {
	struct word_list roles, scopes, audiences, auth_methods;
	int32_t lifetime; /* 0: not given */
	struct str token_type;
};

/* Rows of a table of struct option, for a struct client_options. */
#define CLIENT_OPTION_ROWS(o)                                                                                                              \
	{"--role", OPTION_WORDS, &(o).roles, 0, 0}, {"--scope", OPTION_WORDS, &(o).scopes, 0, 0},                                          \
		{"--audience", OPTION_WORDS, &(o).audiences, 0, 0}, {"--auth-method", OPTION_WORDS, &(o).auth_methods, 0, 0},              \
		{"--lifetime", OPTION_NUMBER, &(o).lifetime, CLIENT_LIFETIME_MIN, CLIENT_LIFETIME_MAX},                                    \
	{                                                                                                                                  \
		"--token-type", OPTION_TEXT, &(o).token_type, 0, 0                                                                         \
	}
/* The same options in a usage string. */
#define CLIENT_USAGE                                                                                                                       \
	"[--role admin|member|resource_server|none]... [--scope S]... [--audience A]... [--lifetime SECONDS] [--token-type JWT|at+jwt] "   \
	"[--auth-method secret|key|workload]..."

/* `name`: the client's, or absent. Prints the usage line itself and answers EXIT_DONE or
 * EXIT_USAGE. */
int client_options_check(struct ctl *ctl, const struct client_options *o, struct str name);
bool client_options_given(const struct client_options *o);

/* What is to be changed. Borrows from `o`. */
struct client_spec client_options_change(const struct client_options *o);

/* What is to be made: the same, with the defaults in place of what isn't given. `role` may be
 * absent: none. */
struct client_spec client_options_complete(const struct ctl *ctl, struct client_options *o, struct str role);

#endif
