/* All commands in one table, and what is printed from it for people: help. The completion and
 * the manual go through the same table. */
#ifndef M2MCTL_COMMANDS_H
#define M2MCTL_COMMANDS_H

#include <stdio.h>

#include "ctl.h"

/* Each group's first command, ended by NULL. A group's commands follow the first one, to the one
 * without a name. The group "client key" lies in the group "client". */
extern const struct command *const command_groups[];

/* The group's first command, or NULL; a group's command, or NULL. */
const struct command *command_group(const char *group);
const struct command *command_find(const char *group, const char *name);
/* The group `name` in `group`, or NULL. */
const struct command *command_group_in(const char *group, const char *name);
/* Its name in the group that it lies in ("key" of "client key"), or NULL: it lies in `group` not
 * at all. */
const char *command_name_in(const char *group, const struct command *of);

/* "org create", or "man". */
struct str command_title(struct arena *a, const struct command *command);

/* --output as this command takes it, in the form of usage.h: k8s-secret is for those that print
 * credentials, which take --secret-name. */
const char *command_output(const struct command *command);
bool command_prints_credentials(const struct command *command);

/* --output's value. False: unknown. */
bool output_of(const char *name, enum output *ret);

/* The numbers and meanings of EXIT_CODES. */
struct exit_meaning {
	int code;
	const char *meaning;
};
extern const struct exit_meaning exit_meanings[];
extern const size_t exit_meanings_n;

/* How a first start goes, as lines of shell. */
extern const char command_first_start[];

void help_print(struct ctl *ctl); /* all commands, on stdout */
void help_print_group(FILE *out, const char *group);
void help_print_command(struct ctl *ctl);

#endif
