/* m2mctl GROUP COMMAND [arguments]: finds the command in the table, runs it, and cleans up after
 * it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/visible.h"
#include "commands.h"
#include "crypto/digest.h"
#include "ctl.h"
#include "sql/database_url.h"

#define MEMORY_MAX (64 * 1024 * 1024)

#define SENTENCE_MAX 4096

/* Names, arguments and the database's sentences come from anywhere: they drive no terminal. */
static void say(const char *format, va_list args)
{
	char text[SENTENCE_MAX];
	char space[SENTENCE_MAX + SENTENCE_MAX / 2];
	struct sbuf out = sbuf_fixed(space, sizeof space);
	vsnprintf(text, sizeof text, format, args);
	sbuf_put_visible(&out, str_of(text), "\n\t");
	fputs(space, stderr);
}

void ctl_say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("m2mctl: ", stderr);
	say(format, args);
	fputc('\n', stderr);
	va_end(args);
}

int ctl_usage(const struct ctl *ctl, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct str title = command_title(ctl->a, ctl->command);
	fprintf(stderr, "m2mctl %.*s: ", STR_ARG(title));
	say(format, args);
	fprintf(stderr, "\nTry: m2mctl %.*s --help\n", STR_ARG(title));
	va_end(args);
	return EXIT_USAGE;
}

int ctl_say_faults(const struct sbuf *faults)
{
	struct str rest = sbuf_str(faults);
	for (struct str line = str_split(&rest, '\n'); line.n > 0; line = str_split(&rest, '\n'))
		ctl_say("%.*s", STR_ARG(line));
	return EXIT_CONFIG;
}

int ctl_read_config(struct ctl *ctl, unsigned need)
{
	struct sbuf faults = sbuf_in(ctl->a, 2048);
	if (config_read(ctl->a, environ, need, &ctl->config, &faults) == ERR_OK && database_urls_check(&ctl->config, &faults) == ERR_OK)
		return EXIT_DONE;
	return ctl_say_faults(&faults);
}

/* Only what a log line and a claim can take as it is; anyone else is "operator". */
struct str ctl_user(void)
{
	struct str user = str_of(getenv("USER"));
	return user.n > 0 && user.n <= 64 && str_is_word(user, "._@-") ? user : STR("operator");
}

struct str ctl_actor(struct ctl *ctl)
{
	return arena_printf(ctl->a, "operator:%.*s", STR_ARG(ctl_user()));
}

int ctl_connect_plain(struct ctl *ctl, unsigned need)
{
	int status = ctl_read_config(ctl, need | CONFIG_NEED_ADMIN_DATABASE);
	if (status != EXIT_DONE)
		return status;
	return ctl_ended(ctl, operator_open(ctl->a, ctl->config.admin_database_url, ctl_actor(ctl), &ctl->db));
}

int ctl_connect(struct ctl *ctl, unsigned need)
{
	int status = ctl_connect_plain(ctl, need);
	return status == EXIT_DONE ? ctl_ended(ctl, operator_require_schema(ctl->db)) : status;
}

int ctl_exit_code(enum err err)
{
	switch (err) {
	case ERR_OK:
		return EXIT_DONE;
	case ERR_NOT_FOUND:
		return EXIT_NOT_FOUND;
	case ERR_STORE_UNAVAILABLE:
		return EXIT_UNREACHABLE;
	case ERR_FORBIDDEN:
		return EXIT_CONFIG;
	case ERR_MISMATCH:
	case ERR_KEY_MISSING:
		return EXIT_REFUSED;
	default:
		return EXIT_FAILED;
	}
}

int ctl_ended(const struct ctl *ctl, enum err err)
{
	if (err != ERR_OK)
		ctl_say("%s", operator_why(ctl->db));
	return ctl_exit_code(err);
}

static bool is_help(const char *arg)
{
	return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

/* Takes --output, which may also stand before the group, off *args. */
static int take_output(struct ctl *ctl, char ***args)
{
	while (**args != NULL && strncmp(**args, "--output", 8) == 0) {
		const char *value = (**args)[8] == '=' ? **args + 9 : *++*args;
		if (value == NULL || !output_of(value, &ctl->output)) {
			ctl_say("--output: expected text, json, csv, env or k8s-secret");
			return EXIT_USAGE;
		}
		++*args;
	}
	return EXIT_DONE;
}

/* `args`: what follows the group. */
static int dispatch_in(struct ctl *ctl, const char *group, char **args)
{
	if (args[0] == NULL || is_help(args[0])) {
		help_print_group(args[0] == NULL ? stderr : stdout, group);
		return args[0] == NULL ? EXIT_USAGE : EXIT_HELP;
	}
	const struct command *below = command_group_in(group, args[0]);
	if (below != NULL)
		return dispatch_in(ctl, below->group, args + 1);
	ctl->command = command_find(group, args[0]);
	if (ctl->command == NULL) {
		ctl_say("there is no command %s %s; these are:", group, args[0]);
		help_print_group(stderr, group);
		return EXIT_USAGE;
	}
	return ctl->command->run(ctl, args + 1);
}

static int dispatch(struct ctl *ctl, char **args)
{
	int status = take_output(ctl, &args);
	if (status != EXIT_DONE)
		return status;
	if (*args == NULL || is_help(*args) || strcmp(*args, "help") == 0) {
		help_print(ctl);
		return *args == NULL ? EXIT_USAGE : EXIT_HELP;
	}
	if (strcmp(*args, "--version") == 0) {
		puts("m2mctl " M2M_VERSION);
		return EXIT_HELP;
	}
	const struct command *group = command_group(args[0]);
	if (group == NULL || strchr(args[0], ' ') != NULL) {
		ctl_say("there is no command %s; m2mctl --help lists them", args[0]);
		return EXIT_USAGE;
	}
	if (group->name[0] == '\0' && (args[1] == NULL || args[1][0] == '\0' || command_find(args[0], args[1]) == NULL)) {
		ctl->command = group;
		return group->run(ctl, args + 1);
	}
	return dispatch_in(ctl, args[0], args + 1);
}

/* A stream may have failed long before its end. */
static int end_output(int status)
{
	bool failed = ferror(stdout) != 0;
	failed = fflush(stdout) != 0 || failed;
	if (!failed || status != EXIT_DONE)
		return status;
	ctl_say("stdout can't be written");
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	if (file_open_standard(false) != ERR_OK)
		return EXIT_FAILED;
	struct ctl ctl = {.a = arena_new(MEMORY_MAX)};

	if (ctl.a == NULL || argc < 1 || crypto_init() != ERR_OK) {
		ctl_say("can't start: out of memory, or OpenSSL lacks an algorithm");
		arena_free(ctl.a);
		return EXIT_FAILED;
	}
	arena_wipe_on_free(ctl.a);
	int status = dispatch(&ctl, argv + 1);
	operator_close(ctl.db);
	config_wipe(&ctl.config);
	arena_free(ctl.a);
	crypto_fini();
	return end_output(status == EXIT_HELP ? EXIT_DONE : status);
}
