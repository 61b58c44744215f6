/* What every command of m2mctl gets: memory, settings, a connection, and the ways to end.
 *
 * main.c finds the command and calls its run function with the arguments that follow its name; that reads its options (options.h), connects
 * (ctl_connect), asks the store, prints (output.h), and answers an exit code. Data goes to stdout, everything said to a person to stderr. */
#ifndef M2MCTL_CTL_H
#define M2MCTL_CTL_H

#include <stdbool.h>

#include "base/arena.h"
#include "config/config.h"
#include "store/ctl_db.h"

enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_CONFIG = 3,
	EXIT_NOT_FOUND = 4,
	EXIT_UNREACHABLE = 5,
	EXIT_REFUSED = 6,
	EXIT_HELP = -1, /* within the program: help was asked for and printed */
};

enum output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_ENV };

struct command;

struct ctl {
	struct arena *a; /* wiped at the end: it holds secrets */
	enum output output;
	struct config config;
	struct ctl_db *db;
	const struct command *command;
};

struct command {
	const char *group, *name;
	const char *arguments; /* as in "m2mctl org create SLUG [--name NAME]", what follows the name */
	const char *summary;   /* one line */
	const char *help;      /* paragraphs and an example, lines with their newlines */
	int (*run)(struct ctl *ctl, char **args);
};

/* The groups, each ended by a row without a name. */
extern const struct command migrate_commands[];
extern const struct command org_commands[];
extern const struct command client_commands[];
extern const struct command token_commands[];
extern const struct command key_commands[];
extern const struct command config_commands[];

/* Reads the settings; `need` as in config_read. Prints every fault and answers EXIT_CONFIG when there is any. */
int ctl_read_config(struct ctl *ctl, unsigned need);

/* Reads the settings (M2M_ADMIN_DATABASE_URL and what else `need` says), connects, and makes sure that the schema is this program's. */
int ctl_connect(struct ctl *ctl, unsigned need);

/* The same without looking at the schema. */
int ctl_connect_plain(struct ctl *ctl, unsigned need);

/* "operator:" and who runs this program, for the audit; the second without the prefix. */
struct str ctl_actor(struct ctl *ctl);
struct str ctl_user(void);

/* Prints why the store's last call failed and answers the exit code that stands for it; EXIT_DONE for ERR_OK. */
int ctl_ended(const struct ctl *ctl, enum err err);

/* One line on stderr, with the program's name in front. */
void ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line on stderr that says what is wrong with the arguments, and where help is. Answers EXIT_USAGE. */
int ctl_usage(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The help of one command, on stdout. */
void ctl_help(const struct command *command);

/* --output's value. False: unknown. */
bool output_of(const char *name, enum output *ret);

#endif
