/* m2mctl completion: what may stand at each place of a command line, as a shell's own script.
 *
 * Each script is a fixed frame that finds out where the cursor is (which group, which command,
 * behind which option) around tables made from the commands' usage strings, so that it knows
 * what m2mctl itself knows. */
#include "commands.h"
#include "options.h"
#include "output.h"
#include "usage.h"

/* Called for each command, with whatever the shell's tables are written to. */
typedef void put_command(struct sbuf *out, const struct command *c);

static void put_each(struct sbuf *out, put_command *put)
{
	for (size_t g = 0; command_groups[g] != NULL; g++)
		for (const struct command *c = command_groups[g]; c->name != NULL; c++)
			put(out, c);
}

static void put_choices(struct sbuf *out, struct str choices)
{
	while (choices.p != NULL) {
		sbuf_put(out, str_split(&choices, '|'));
		sbuf_putz(out, choices.p != NULL ? " " : "");
	}
}

/* Calls `put` for each option of the command, --output among them. */
typedef void put_option(struct sbuf *out, const struct command *c, const struct usage_option *option);

static void put_options(struct sbuf *out, const struct command *c, put_option *put)
{
	const char *const usages[] = {c->arguments, command_output(c)};
	struct usage_option option;
	for (size_t i = 0; i < sizeof usages / sizeof usages[0]; i++)
		for (const char *rest = usages[i]; usage_next(&rest, &option);)
			put(out, c, &option);
}

/* Whether the group lies in another one. */
static bool is_inner(const struct command *group)
{
	return strchr(group->group, ' ') != NULL;
}

static void put_groups(struct sbuf *out)
{
	for (size_t g = 0; command_groups[g] != NULL; g++)
		if (!is_inner(command_groups[g]))
			sbuf_printf(out, "%s%s", g > 0 ? " " : "", command_groups[g]->group);
}

/* The groups that lie in others, each quoted. */
static void put_inner_groups(struct sbuf *out, const char *between)
{
	const char *before = "";
	for (size_t g = 0; command_groups[g] != NULL; g++) {
		if (!is_inner(command_groups[g]))
			continue;
		sbuf_printf(out, "%s'%s'", before, command_groups[g]->group);
		before = between;
	}
}

/* Of a group's commands, and of the groups in it. */
static void put_names(struct sbuf *out, const struct command *group)
{
	for (const struct command *c = group; c->name != NULL; c++)
		sbuf_printf(out, "%s%s", c > group ? " " : "", c->name);
	for (size_t g = 0; command_groups[g] != NULL; g++) {
		const char *name = command_name_in(group->group, command_groups[g]);
		if (name != NULL)
			sbuf_printf(out, " %s", name);
	}
}

/* In single quotes of sh, zsh or fish: our own summaries, of which an apostrophe is the only
 * delicate character. zsh's _describe splits at colons, and escapes them so. */
static void put_quoted(struct sbuf *out, const char *text, bool fish)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			sbuf_putz(out, fish ? "\\'" : "'\\''");
		else
			sbuf_putc(out, *text);
	}
}

/* ---- bash, and the tables that zsh's script has in the same form ---- */

static void put_option_name(struct sbuf *out, const struct command *c, const struct usage_option *option)
{
	(void)c;
	sbuf_printf(out, "%.*s ", STR_ARG(option->name));
}

static void put_command_case(struct sbuf *out, const struct command *c)
{
	sbuf_printf(out, "\t'%s %s') words='", c->group, c->name);
	put_options(out, c, put_option_name);
	sbuf_putz(out, "--help' ;;\n");
}

/* Behind an option with a text of its own there is nothing to offer. */
static void put_value_case(struct sbuf *out, const struct command *c, const struct usage_option *option)
{
	if (option->value.p == NULL)
		return;
	sbuf_printf(out, "\t'%s %s %.*s') words='", c->group, c->name, STR_ARG(option->name));
	put_choices(out, usage_choices(option));
	sbuf_putz(out, "' ;;\n");
}

static void put_value_cases(struct sbuf *out, const struct command *c)
{
	put_options(out, c, put_value_case);
}

/* Sets `words` by group, name and the option before the cursor, which a script has found out. */
static void put_cases(struct sbuf *out)
{
	sbuf_putz(out, "\tcase \"$group $name $before\" in\n");
	put_each(out, put_value_cases);
	sbuf_putz(out, "\t*' --output') words='text json csv env k8s-secret' ;;\n"
		       "\t*) case \"$group $name\" in\n"
		       "\t' ') words='");
	put_groups(out);
	sbuf_putz(out, " --output --help --version' ;;\n");
	for (size_t g = 0; command_groups[g] != NULL; g++) {
		if (command_groups[g]->name[0] == '\0')
			continue;
		sbuf_printf(out, "\t'%s ') words='", command_groups[g]->group);
		put_names(out, command_groups[g]);
		sbuf_putz(out, " --help' ;;\n");
	}
	put_each(out, put_command_case);
	sbuf_putz(out, "\tesac ;;\n\tesac\n");
}

/* bash takes "=" for a word of its own, as it stands in COMP_WORDBREAKS. */
static int bash(struct ctl *ctl, char **args)
{
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status != EXIT_DONE)
		return status;
	struct sbuf out = sbuf_in(ctl->a, 16384);
	sbuf_putz(&out, "# bash completion of m2mctl " M2M_VERSION "; made by: m2mctl completion bash\n"
			"_m2mctl() {\n"
			"\tlocal cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} group='' name='' words='' i\n"
			"\tif [[ $cur == '=' ]]; then\n"
			"\t\tcur=''\n"
			"\telif [[ $before == '=' ]]; then\n"
			"\t\tbefore=${COMP_WORDS[COMP_CWORD - 2]}\n"
			"\tfi\n"
			"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
			"\t\tcase ${COMP_WORDS[i]} in\n"
			"\t\t--output)\n"
			"\t\t\t((i++))\n"
			"\t\t\tif [[ ${COMP_WORDS[i]} == '=' ]]; then ((i++)); fi\n"
			"\t\t\t;;\n"
			"\t\t-*) ;;\n"
			"\t\t*)\n"
			"\t\t\tif [[ -z $group ]]; then\n"
			"\t\t\t\tgroup=${COMP_WORDS[i]}\n"
			"\t\t\t\tcontinue\n"
			"\t\t\tfi\n"
			"\t\t\tcase \"$group ${COMP_WORDS[i]}\" in\n"
			"\t\t\t");
	put_inner_groups(&out, " | ");
	sbuf_putz(&out, ") group=\"$group ${COMP_WORDS[i]}\" ;;\n"
			"\t\t\t*)\n"
			"\t\t\t\tname=${COMP_WORDS[i]}\n"
			"\t\t\t\tbreak\n"
			"\t\t\t\t;;\n"
			"\t\t\tesac\n"
			"\t\t\t;;\n"
			"\t\tesac\n"
			"\tdone\n"
			"\tif [[ $before != --* ]]; then before=''; fi\n");
	put_cases(&out);
	sbuf_putz(&out, "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
			"}\n"
			"complete -F _m2mctl m2mctl\n");
	return output_text(&out);
}

/* ---- zsh ---- */

static void put_description(struct sbuf *out, const struct command *c)
{
	sbuf_printf(out, "'%s:", c->name);
	put_quoted(out, c->summary, false);
	sbuf_putz(out, "' ");
}

/* A group in a group is told by its commands. */
static void put_inner_descriptions(struct sbuf *out, const struct command *group)
{
	for (size_t g = 0; command_groups[g] != NULL; g++) {
		const char *name = command_name_in(group->group, command_groups[g]);
		if (name == NULL)
			continue;
		sbuf_printf(out, "'%s:", name);
		put_names(out, command_groups[g]);
		sbuf_putz(out, "' ");
	}
}

static int zsh(struct ctl *ctl, char **args)
{
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status != EXIT_DONE)
		return status;
	struct sbuf out = sbuf_in(ctl->a, 16384);
	sbuf_putz(&out, "#compdef m2mctl\n"
			"# zsh completion of m2mctl " M2M_VERSION "; made by: m2mctl completion zsh\n"
			"_m2mctl() {\n"
			"\tlocal before=${words[CURRENT - 1]} group='' name='' given=(\"${words[@]}\") words='' i\n"
			"\tlocal -a described\n"
			"\tif [[ $PREFIX == --*=* ]]; then\n"
			"\t\tbefore=${PREFIX%%=*}\n"
			"\t\tcompset -P '*='\n"
			"\tfi\n"
			"\tfor ((i = 2; i < CURRENT; i++)); do\n"
			"\t\tcase ${given[i]} in\n"
			"\t\t--output) ((i++)) ;;\n"
			"\t\t-*) ;;\n"
			"\t\t*)\n"
			"\t\t\tif [[ -z $group ]]; then\n"
			"\t\t\t\tgroup=${given[i]}\n"
			"\t\t\t\tcontinue\n"
			"\t\t\tfi\n"
			"\t\t\tcase \"$group ${given[i]}\" in\n"
			"\t\t\t");
	put_inner_groups(&out, " | ");
	sbuf_putz(&out, ") group=\"$group ${given[i]}\" ;;\n"
			"\t\t\t*)\n"
			"\t\t\t\tname=${given[i]}\n"
			"\t\t\t\tbreak\n"
			"\t\t\t\t;;\n"
			"\t\t\tesac\n"
			"\t\t\t;;\n"
			"\t\tesac\n"
			"\tdone\n"
			"\tif [[ $before != --* ]]; then before=''; fi\n"
			"\tcase \"$group $name $before\" in\n");
	for (size_t g = 0; command_groups[g] != NULL; g++) {
		if (command_groups[g]->name[0] == '\0')
			continue;
		sbuf_printf(&out, "\t'%s  ') described=(", command_groups[g]->group);
		for (const struct command *c = command_groups[g]; c->name != NULL; c++)
			put_description(&out, c);
		put_inner_descriptions(&out, command_groups[g]);
		sbuf_putz(&out, ") ;;\n");
	}
	sbuf_putz(&out, "\tesac\n"
			"\tif ((${#described} > 0)); then\n"
			"\t\t_describe command described\n"
			"\t\treturn\n"
			"\tfi\n");
	put_cases(&out);
	sbuf_putz(&out, "\tcompadd -- ${=words}\n"
			"}\n"
			"if [[ ${funcstack[1]} == _m2mctl ]]; then\n"
			"\t_m2mctl \"$@\"\n"
			"else\n"
			"\tcompdef _m2mctl m2mctl\n"
			"fi\n");
	return output_text(&out);
}

/* ---- fish ---- */

static void put_fish_option(struct sbuf *out, const struct command *c, const struct usage_option *option)
{
	sbuf_printf(out, "complete -c m2mctl -n '__m2mctl_at %s %s' -l %.*s", c->group, c->name, (int)option->name.n - 2,
		    option->name.p + 2);
	if (option->value.p != NULL) {
		sbuf_putz(out, " -x -a '");
		put_choices(out, usage_choices(option));
		sbuf_putc(out, '\'');
	}
	sbuf_putc(out, '\n');
}

static void put_fish_command(struct sbuf *out, const struct command *c)
{
	if (c->name[0] == '\0')
		sbuf_printf(out, "complete -c m2mctl -n __m2mctl_at -a %s -d '", c->group);
	else
		sbuf_printf(out, "complete -c m2mctl -n '__m2mctl_at %s' -a %s -d '", c->group, c->name);
	put_quoted(out, c->summary, true);
	sbuf_putz(out, "'\n");
	put_options(out, c, put_fish_option);
}

/* Up to its description. */
static void put_fish_group(struct sbuf *out, const struct command *group)
{
	const char *space = strchr(group->group, ' ');
	if (space == NULL)
		sbuf_printf(out, "complete -c m2mctl -n __m2mctl_at -a %s -d '", group->group);
	else
		sbuf_printf(out, "complete -c m2mctl -n '__m2mctl_at %.*s' -a %s -d '", (int)(space - group->group), group->group,
			    space + 1);
}

static int fish(struct ctl *ctl, char **args)
{
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status != EXIT_DONE)
		return status;
	struct sbuf out = sbuf_in(ctl->a, 16384);
	sbuf_putz(&out, "# fish completion of m2mctl " M2M_VERSION "; made by: m2mctl completion fish\n"
			"function __m2mctl_at -d 'Whether the line before the cursor is at this group and command'\n"
			"\tset -l place\n"
			"\tset -l is_value 0\n"
			"\tfor word in (commandline -opc)[2..-1]\n"
			"\t\tif test $is_value = 1\n"
			"\t\t\tset is_value 0\n"
			"\t\t\tcontinue\n"
			"\t\tend\n"
			"\t\tswitch $word\n"
			"\t\t\tcase --output\n"
			"\t\t\t\tset is_value 1\n"
			"\t\t\tcase '-*'\n"
			"\t\t\tcase '*'\n"
			"\t\t\t\tset -a place $word\n"
			"\t\tend\n"
			"\tend\n"
			"\tset -l third ''\n"
			"\tif contains -- \"$place[1] $place[2]\" ");
	put_inner_groups(&out, " ");
	sbuf_putz(&out, "\n"
			"\t\tset third $place[3]\n"
			"\tend\n"
			"\ttest \"$place[1] $place[2] $third\" = \"$argv[1] $argv[2] $argv[3]\"\n"
			"end\n"
			"complete -c m2mctl -f\n"
			"complete -c m2mctl -l help\n"
			"complete -c m2mctl -n __m2mctl_at -l version\n"
			"complete -c m2mctl -n __m2mctl_at -l output -x -a 'text json csv env k8s-secret'\n");
	for (size_t g = 0; command_groups[g] != NULL; g++) {
		if (command_groups[g]->name[0] == '\0')
			continue;
		put_fish_group(&out, command_groups[g]);
		put_names(&out, command_groups[g]);
		sbuf_putz(&out, "'\n");
	}
	put_each(&out, put_fish_command);
	return output_text(&out);
}

const struct command completion_commands[] = {
	{"completion", "bash", "", "Prints what lets bash complete m2mctl's commands, options and values",
	 "Example:\n  source <(m2mctl completion bash)\n", bash},
	{"completion", "zsh", "", "The same for zsh",
	 "It may also stand as a file _m2mctl in a folder of $fpath.\n\n"
	 "Example:\n  source <(m2mctl completion zsh)\n",
	 zsh},
	{"completion", "fish", "", "The same for fish", "Example:\n  m2mctl completion fish > ~/.config/fish/completions/m2mctl.fish\n",
	 fish},
	{"completion", NULL, NULL, NULL, NULL, NULL},
};
