/* What every command of m2mctl gets: memory, settings, a connection, and the ways to end.
 *
 * main.c finds the command and calls its run function with the arguments that follow its name;
 * that reads its options (options.h), connects (ctl_connect), asks the store, prints (output.h),
 * and answers an exit code. Data goes to stdout, everything said to a person to stderr. */
#ifndef M2MCTL_CTL_H
#define M2MCTL_CTL_H

#include <stdbool.h>

#include "base/arena.h"
#include "config/config.h"
#include "operator/db.h"

/* CODE(name, number, meaning): what a script may rely on. --help and the manual print the
 * meanings. */
#define EXIT_CODES(CODE)                                                                                                                   \
	CODE(DONE, 0, "done")                                                                                                              \
	CODE(FAILED, 1, "the act failed; stderr says why")                                                                                 \
	CODE(USAGE, 2, "wrong arguments")                                                                                                  \
	CODE(CONFIG, 3, "wrong settings, or a login that the database doesn't let in")                                                     \
	CODE(NOT_FOUND, 4, "not found")                                                                                                    \
	CODE(UNREACHABLE, 5, "the database can't be reached, or can't do it now")                                                          \
	CODE(REFUSED, 6, "refused: migrations changed, another master key, a token that isn't valid, a record that contradicts itself")    \
	CODE(PARTLY, 7, "done but for some records, which were refused; stderr names them")

enum exit_code {
#define CODE(name, number, meaning) EXIT_##name = (number),
	EXIT_CODES(CODE)
#undef CODE
		EXIT_HELP = -1, /* within the program: help was asked for and printed */
};

enum output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_CSV, OUTPUT_ENV, OUTPUT_K8S_SECRET };

struct command;

struct ctl {
	struct arena *a; /* wiped at the end: it holds secrets */
	enum output output;
	struct str secret_name, secret_namespace; /* of OUTPUT_K8S_SECRET; absent: not given */
	struct config config;
	struct operator_db *db;
	const struct command *command;
};

struct command {
	/* name "": what the group's own name runs; "client key" is a group in the group "client" */
	const char *group, *name;
	/* as in "m2mctl org create SLUG [--name NAME]", what follows the name; usage.h reads the
	 * options out of it */
	const char *arguments;
	const char *summary; /* one line */
	/* paragraphs, lines "  --option VALUE  meaning", and an example, lines with their
	 * newlines */
	const char *help;
	int (*run)(struct ctl *ctl, char **args);
};

/* The groups, each ended by a row without a name. */
extern const struct command migrate_commands[];
extern const struct command org_commands[];
extern const struct command client_commands[];
extern const struct command client_key_commands[];
extern const struct command client_certificate_commands[];
extern const struct command client_workload_commands[];
extern const struct command token_commands[];
extern const struct command key_commands[];
extern const struct command audit_commands[];
extern const struct command config_commands[];
extern const struct command portal_commands[];
extern const struct command console_commands[];
extern const struct command completion_commands[];
extern const struct command man_commands[];

/* Says each line, and answers EXIT_CONFIG. */
int ctl_say_faults(const struct sbuf *faults);

/* Reads the settings; `need` as in config_read. Prints every fault and answers EXIT_CONFIG when
 * there is any. */
int ctl_read_config(struct ctl *ctl, unsigned need);

/* Reads the settings (M2M_ADMIN_DATABASE_URL and what else `need` says), connects, and makes
 * sure that the schema is this program's. */
int ctl_connect(struct ctl *ctl, unsigned need);

/* The same without looking at the schema. */
int ctl_connect_plain(struct ctl *ctl, unsigned need);

/* "operator:" and who runs this program, for the audit; the second without the prefix. */
struct str ctl_actor(struct ctl *ctl);
struct str ctl_user(void);

/* The exit code that stands for the store's answer; EXIT_DONE for ERR_OK. */
int ctl_exit_code(enum err err);

/* Prints why the store's last call failed and answers the exit code that stands for it;
 * EXIT_DONE for ERR_OK. */
int ctl_ended(const struct ctl *ctl, enum err err);

/* One line on stderr, with the program's name in front. */
void ctl_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line on stderr that says what is wrong with the arguments, and where help is. Answers
 * EXIT_USAGE. */
int ctl_usage(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
