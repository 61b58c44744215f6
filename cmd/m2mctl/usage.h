/* The options of a command, read out of its usage string: "SLUG [--name NAME] [--role
 * admin|member]... --yes". The string that people read is thus the one description that the
 * parser, the completion and the manual go by, and none of them can know an option that another
 * doesn't.
 *
 * A flag stands before "]", "|" or the end of the string; any other option is followed by its
 * value. A value of several words with "|" between lists all that may be given; one word stands
 * for a text. */
#ifndef M2MCTL_USAGE_H
#define M2MCTL_USAGE_H

#include <stdbool.h>

#include "base/str.h"

struct usage_option {
	struct str name;  /* "--role" */
	struct str value; /* "admin|member", "NAME"; absent: a flag */
};

/* Takes the first option of *rest off. False: there is none. */
bool usage_next(const char **rest, struct usage_option *ret);

bool usage_find(const char *usage, struct str name, struct usage_option *ret);

/* "admin|member" when the value is one of these; absent for "NAME" and for a flag. */
struct str usage_choices(const struct usage_option *option);
bool usage_is_choice(struct str choices, struct str word);

#endif
