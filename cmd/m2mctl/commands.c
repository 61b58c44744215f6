#include "commands.h"

#include "usage.h"

const struct command *const command_groups[] = {
	migrate_commands,         org_commands,     client_commands,     client_key_commands, client_certificate_commands,
	client_workload_commands, token_commands,   key_commands,        audit_commands,      config_commands,
	portal_commands,          console_commands, completion_commands, man_commands,        NULL};

#define CODE(name, number, meaning) {number, meaning},
const struct exit_meaning exit_meanings[] = {EXIT_CODES(CODE)};
#undef CODE
const size_t exit_meanings_n = sizeof exit_meanings / sizeof exit_meanings[0];

const char command_first_start[] =
	"export M2M_ADMIN_DATABASE_URL=postgresql://m2m_owner:password@127.0.0.1:5432/m2m\n"
	"printf 'k1: %s\\n' \"$(head -c 32 /dev/urandom | base64 -w 0)\" > master.keys && chmod 600 master.keys\n"
	"export M2M_MASTER_KEYS_FILE=$PWD/master.keys\n"
	"m2mctl migrate up\n"
	"m2mctl org create acme --name 'Acme Inc.'\n"
	"m2mctl config check\n";

const struct command *command_group(const char *group)
{
	for (size_t g = 0; command_groups[g] != NULL; g++)
		if (strcmp(command_groups[g]->group, group) == 0)
			return command_groups[g];
	return NULL;
}

const struct command *command_find(const char *group, const char *name)
{
	for (const struct command *c = command_group(group); c != NULL && c->name != NULL; c++)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

const char *command_name_in(const char *group, const struct command *of)
{
	size_t n = strlen(group);
	return strncmp(of->group, group, n) == 0 && of->group[n] == ' ' ? of->group + n + 1 : NULL;
}

const struct command *command_group_in(const char *group, const char *name)
{
	for (size_t g = 0; command_groups[g] != NULL; g++) {
		const char *in = command_name_in(group, command_groups[g]);
		if (in != NULL && strcmp(in, name) == 0)
			return command_groups[g];
	}
	return NULL;
}

struct str command_title(struct arena *a, const struct command *command)
{
	return arena_printf(a, "%s%s%s", command->group, command->name[0] != '\0' ? " " : "", command->name);
}

bool command_prints_credentials(const struct command *command)
{
	struct usage_option option;
	return usage_find(command->arguments, STR("--secret-name"), &option);
}

const char *command_output(const struct command *command)
{
	return command_prints_credentials(command) ? "[--output text|json|csv|env|k8s-secret]" : "[--output text|json|csv|env]";
}

bool output_of(const char *name, enum output *ret)
{
	static const char *const names[] = {[OUTPUT_TEXT] = "text",
					    [OUTPUT_JSON] = "json",
					    [OUTPUT_CSV] = "csv",
					    [OUTPUT_ENV] = "env",
					    [OUTPUT_K8S_SECRET] = "k8s-secret"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum output)i;
			return true;
		}
	}
	return false;
}

void help_print_command(struct ctl *ctl)
{
	const struct command *c = ctl->command;
	printf("usage: m2mctl %.*s %s%s%s\n\n%s.\n\n%s", STR_ARG(command_title(ctl->a, c)), c->arguments,
	       c->arguments[0] != '\0' ? " " : "", command_output(c), c->summary, c->help);
}

void help_print_group(FILE *out, const char *group)
{
	for (size_t g = 0; command_groups[g] != NULL; g++) {
		const struct command *first = command_groups[g];
		bool listed = strcmp(first->group, group) == 0 || command_name_in(group, first) != NULL;
		for (const struct command *c = first; listed && c->name != NULL; c++)
			fprintf(out, "  m2mctl %s %-8s %s\n", c->group, c->name, c->summary);
	}
}

static void print_lines(const char *prefix, const char *text)
{
	struct str rest = str_of(text);
	for (struct str line = str_split(&rest, '\n'); line.n > 0; line = str_split(&rest, '\n'))
		printf("%s%.*s\n", prefix, STR_ARG(line));
}

void help_print(struct ctl *ctl)
{
	fputs("usage: m2mctl [--output text|json|csv|env|k8s-secret] GROUP COMMAND [arguments]\n"
	      "       m2mctl GROUP COMMAND --help\n"
	      "       m2mctl --help | --version\n\n"
	      "The operator's side of m2m-gateway: it works on the database over M2M_ADMIN_DATABASE_URL, and records in m2m.admin_audit "
	      "what it does.\n\n",
	      stdout);
	for (size_t g = 0; command_groups[g] != NULL; g++)
		for (const struct command *c = command_groups[g]; c->name != NULL; c++)
			printf("  %-10s %-8s %s\n", c->group, c->name, c->summary);
	fputs("\nA first start:\n", stdout);
	print_lines("  ", command_first_start);
	fputs("\nExit codes:\n", stdout);
	for (size_t i = 0; i < exit_meanings_n; i++)
		printf("  %d  %s\n", exit_meanings[i].code, exit_meanings[i].meaning);
	fputc('\n', stdout);

	struct sbuf settings = sbuf_in(ctl->a, 8192);
	config_describe(&settings);
	fputs(settings.p, stdout);
}
