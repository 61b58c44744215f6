/* m2mctl GROUP COMMAND [arguments]: finds the command in the groups' tables, runs it, and cleans up after it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "ctl.h"

#define MEMORY_MAX (64 * 1024 * 1024)

static const struct command *const groups[] = {migrate_commands, org_commands, client_commands,
					       token_commands,   key_commands, config_commands};

void ctl_say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("m2mctl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

int ctl_usage(const struct ctl *ctl, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "m2mctl %s %s: ", ctl->command->group, ctl->command->name);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\nTry: m2mctl %s %s --help\n", ctl->command->group, ctl->command->name);
	va_end(args);
	return EXIT_USAGE;
}

void ctl_help(const struct command *command)
{
	printf("usage: m2mctl %s %s%s%s [--output text|json|env]\n\n%s.\n\n%s", command->group, command->name,
	       command->arguments[0] != '\0' ? " " : "", command->arguments, command->summary, command->help);
}

bool output_of(const char *name, enum output *ret)
{
	static const char *const names[] = {[OUTPUT_TEXT] = "text", [OUTPUT_JSON] = "json", [OUTPUT_ENV] = "env"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum output)i;
			return true;
		}
	}
	return false;
}

int ctl_read_config(struct ctl *ctl, unsigned need)
{
	struct sbuf faults = sbuf_in(ctl->a, 2048);
	if (config_read(ctl->a, environ, need, &ctl->config, &faults) == ERR_OK)
		return EXIT_DONE;
	struct str rest = sbuf_str(&faults);
	for (struct str line = str_split(&rest, '\n'); line.n > 0; line = str_split(&rest, '\n'))
		ctl_say("%.*s", STR_ARG(line));
	return EXIT_CONFIG;
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
	return ctl_ended(ctl, ctl_open(ctl->a, ctl->config.admin_database_url, ctl_actor(ctl), &ctl->db));
}

int ctl_connect(struct ctl *ctl, unsigned need)
{
	int status = ctl_connect_plain(ctl, need);
	return status == EXIT_DONE ? ctl_ended(ctl, ctl_require_schema(ctl->db)) : status;
}

int ctl_ended(const struct ctl *ctl, enum err err)
{
	if (err == ERR_OK)
		return EXIT_DONE;
	ctl_say("%s", ctl_why(ctl->db));
	switch (err) {
	case ERR_NOT_FOUND:
		return EXIT_NOT_FOUND;
	case ERR_STORE_UNAVAILABLE:
		return EXIT_UNREACHABLE;
	case ERR_MISMATCH:
	case ERR_KEY_MISSING:
		return EXIT_REFUSED;
	default:
		return EXIT_FAILED;
	}
}

static void print_help(struct ctl *ctl)
{
	fputs("usage: m2mctl [--output text|json|env] GROUP COMMAND [arguments]\n"
	      "       m2mctl GROUP COMMAND --help\n"
	      "       m2mctl --help | --version\n\n"
	      "The operator's side of m2m-gateway: it works on the database over M2M_ADMIN_DATABASE_URL, and records in m2m.admin_audit "
	      "what it does.\n\n",
	      stdout);
	for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++)
		for (const struct command *c = groups[g]; c->name != NULL; c++)
			printf("  %-8s %-8s %s\n", c->group, c->name, c->summary);
	fputs("\nA first start:\n"
	      "  export M2M_ADMIN_DATABASE_URL=postgresql://m2m_owner:password@127.0.0.1:5432/m2m\n"
	      "  printf 'k1: %s\\n' \"$(head -c 32 /dev/urandom | base64 -w 0)\" > master.keys && chmod 600 master.keys\n"
	      "  export M2M_MASTER_KEYS_FILE=$PWD/master.keys\n"
	      "  m2mctl migrate up\n"
	      "  m2mctl org create acme --name 'Acme Inc.'\n\n"
	      "Exit codes: 0 done, 1 the act failed, 2 wrong arguments, 3 wrong settings, 4 not found, 5 the database can't be reached,\n"
	      "  6 refused (migrations changed, another master key, a token that isn't valid)\n\n",
	      stdout);
	struct sbuf settings = sbuf_in(ctl->a, 8192);
	config_describe(&settings);
	fputs(settings.p, stdout);
}

static bool group_exists(const char *name)
{
	for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++)
		if (strcmp(groups[g]->group, name) == 0)
			return true;
	return false;
}

static int print_group(FILE *out, const char *name)
{
	for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++)
		for (const struct command *c = groups[g]; c->name != NULL && strcmp(c->group, name) == 0; c++)
			fprintf(out, "  m2mctl %s %-8s %s\n", c->group, c->name, c->summary);
	return out == stdout ? EXIT_HELP : EXIT_USAGE;
}

static const struct command *find(const char *group, const char *name)
{
	for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++)
		for (const struct command *c = groups[g]; c->name != NULL; c++)
			if (strcmp(c->group, group) == 0 && strcmp(c->name, name) == 0)
				return c;
	return NULL;
}

static bool is_help(const char *arg)
{
	return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

static int dispatch(struct ctl *ctl, char **args)
{
	while (*args != NULL && strncmp(*args, "--output", 8) == 0) {
		const char *value = (*args)[8] == '=' ? *args + 9 : *++args;
		if (value == NULL || !output_of(value, &ctl->output)) {
			ctl_say("--output: expected text, json or env");
			return EXIT_USAGE;
		}
		args++;
	}
	if (*args == NULL || is_help(*args) || strcmp(*args, "help") == 0) {
		print_help(ctl);
		return *args == NULL ? EXIT_USAGE : EXIT_HELP;
	}
	if (strcmp(*args, "--version") == 0) {
		puts("m2mctl " M2M_VERSION);
		return EXIT_HELP;
	}
	if (!group_exists(args[0])) {
		ctl_say("there is no command %s; m2mctl --help lists them", args[0]);
		return EXIT_USAGE;
	}
	if (args[1] == NULL || is_help(args[1]))
		return print_group(args[1] == NULL ? stderr : stdout, args[0]);
	ctl->command = find(args[0], args[1]);
	if (ctl->command == NULL) {
		ctl_say("there is no command %s %s; these are:", args[0], args[1]);
		return print_group(stderr, args[0]);
	}
	return ctl->command->run(ctl, args + 2);
}

int main(int argc, char **argv)
{
	struct ctl ctl = {.a = arena_new(MEMORY_MAX)};

	if (ctl.a == NULL || argc < 1 || crypto_init() != ERR_OK) {
		ctl_say("can't start: out of memory, or OpenSSL lacks an algorithm");
		arena_free(ctl.a);
		return EXIT_FAILED;
	}
	arena_wipe_on_free(ctl.a);
	int status = dispatch(&ctl, argv + 1);
	ctl_close(ctl.db);
	config_wipe(&ctl.config);
	arena_free(ctl.a);
	crypto_fini();
	if (fflush(stdout) != 0 && (status == EXIT_DONE || status == EXIT_HELP))
		status = EXIT_FAILED;
	return status == EXIT_HELP ? EXIT_DONE : status;
}
