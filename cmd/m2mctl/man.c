/* m2mctl man: the manual page m2mctl(1), roff with man(7)'s macros, written from the same tables
 * as --help.
 *
 * A command's help is text with three shapes of lines, which become three shapes of paragraphs:
 * " --option VALUE meaning" with indented lines that go on, lines of an example, indented too,
 * and the rest. */
#include "commands.h"
#include "options.h"
#include "output.h"

/* The day that the words here and in the commands' help were last looked through. */
#define WORDING_OF "2026-11-24"

static bool starts(struct str line, const char *prefix)
{
	return str_starts(line, str_of(prefix));
}

/* Text that roff leaves as it is: a dash stays a dash that can be copied, and no line is a
 * request. */
static void put(struct sbuf *out, struct str text)
{
	if (text.n > 0 && (text.p[0] == '.' || text.p[0] == '\''))
		sbuf_putz(out, "\\&");
	for (size_t i = 0; i < text.n; i++) {
		switch (text.p[i]) {
		case '\\':
			sbuf_putz(out, "\\e");
			break;
		case '-':
		case '`':
		case '\'':
		case '^':
		case '~':
			sbuf_printf(out, "\\%s",
				    text.p[i] == '-'    ? "-"
				    : text.p[i] == '`'  ? "(ga"
				    : text.p[i] == '\'' ? "(aq"
				    : text.p[i] == '^'  ? "(ha"
							: "(ti");
			break;
		default:
			sbuf_putc(out, text.p[i]);
		}
	}
}

static void put_line(struct sbuf *out, struct str text)
{
	put(out, text);
	sbuf_putc(out, '\n');
}

/* A macro whose argument is one text; quoted, with the quotes in it doubled away as roff has it. */
static void put_macro(struct sbuf *out, const char *macro, struct str text)
{
	sbuf_printf(out, ".%s \"", macro);
	for (struct str part = str_split(&text, '"'); part.p != NULL; part = str_split(&text, '"')) {
		put(out, part);
		sbuf_putz(out, text.p != NULL ? "\\(dq" : "");
	}
	sbuf_putz(out, "\"\n");
}

static void put_example(struct sbuf *out, const char *lines, size_t indent)
{
	struct str rest = str_of(lines);
	sbuf_putz(out, ".RS 4\n.nf\n");
	for (struct str line = str_split(&rest, '\n'); line.n > indent; line = str_split(&rest, '\n'))
		put_line(out, str_from(line.p + indent, line.n - indent));
	sbuf_putz(out, ".fi\n.RE\n");
}

/* "  --name NAME  for people": two spaces end what stands on the left. */
static void put_option(struct sbuf *out, struct str line)
{
	const char *gap = memmem(line.p + 2, line.n - 2, "  ", 2);
	size_t head = gap != NULL ? (size_t)(gap - line.p) : line.n;
	sbuf_putz(out, ".TP\n");
	put_macro(out, "B", str_from(line.p + 2, head - 2));
	put_line(out, str_trim(str_from(line.p + head, line.n - head)));
}

static void put_help(struct sbuf *out, struct str rest)
{
	bool paragraph = true; /* the next line of text begins one */
	for (struct str line = str_split(&rest, '\n'); line.p != NULL; line = str_split(&rest, '\n')) {
		if (str_eq(line, STR("Example:"))) {
			sbuf_putz(out, ".PP\nExample:\n");
			put_example(out, rest.p, 2);
			return;
		}
		if (line.n == 0) {
			paragraph = true;
		} else if (starts(line, "  --")) {
			put_option(out, line);
		} else {
			sbuf_putz(out, paragraph ? ".PP\n" : "");
			put_line(out, str_trim(line));
			paragraph = false;
		}
		paragraph = paragraph && !starts(line, "  --");
	}
}

static void put_commands(struct ctl *ctl, struct sbuf *out)
{
	sbuf_putz(out, ".SH COMMANDS\n");
	for (size_t g = 0; command_groups[g] != NULL; g++) {
		for (const struct command *c = command_groups[g]; c->name != NULL; c++) {
			struct str title = command_title(ctl->a, c);
			put_macro(out, "SS",
				  arena_printf(ctl->a, "%.*s%s%s", STR_ARG(title), c->arguments[0] != '\0' ? " " : "", c->arguments));
			put_line(out, arena_printf(ctl->a, "%s.", c->summary));
			put_help(out, str_of(c->help));
		}
	}
}

/* config_describe's lines: "  NAME  meaning" and "      default: ...". */
static void put_environment(struct ctl *ctl, struct sbuf *out)
{
	struct sbuf text = sbuf_in(ctl->a, 8192);
	config_describe(&text);
	struct str rest = sbuf_str(&text);

	sbuf_putz(out, ".SH ENVIRONMENT\n");
	put_line(out, str_split(&rest, '\n'));
	for (struct str line = str_split(&rest, '\n'); line.n > 0; line = str_split(&rest, '\n')) {
		struct str meaning = str_trim(line);
		if (starts(line, "  M2M_")) {
			struct str name = str_split(&meaning, ' ');
			sbuf_putz(out, ".TP\n");
			put_macro(out, "B", name);
		}
		put_line(out, str_trim(meaning));
		sbuf_putz(out, starts(line, "  M2M_") ? ".br\n" : "");
	}
	sbuf_putz(out, ".PP\nUSER, when it is a plain word, is whom the audit names as the operator.\n");
}

static void put_exit_status(struct sbuf *out)
{
	sbuf_putz(out, ".SH EXIT STATUS\n");
	for (size_t i = 0; i < exit_meanings_n; i++) {
		sbuf_printf(out, ".TP\n.B %d\n", exit_meanings[i].code);
		put_line(out, str_of(exit_meanings[i].meaning));
	}
}

static const char output_section[] =
	".SH OUTPUT\n"
	"What a command answers goes to standard output, and everything said to a person to standard error.\n"
	".TP\n.B \\-\\-output text\nthe default: names and values, or a table\n"
	".TP\n.B \\-\\-output json\nan object, or an array of objects; times are RFC 3339, what is absent is null\n"
	".TP\n.B \\-\\-output env\nNAME=value lines that a shell can read, of what has a name there; lists have no such form\n"
	".TP\n.B \\-\\-output k8s\\-secret\nthe manifest of a Kubernetes Secret, of credentials only\n"
	".PP\nThe option may stand before the group or among a command's own.\n";

static const char files_section[] = ".SH FILES\n"
				    ".TP\n.B M2M_MASTER_KEYS_FILE\nLines of a key's name, a colon and 32 bytes in base64; the first one is "
				    "active. Its owner alone should be able to read it.\n"
				    ".TP\n.B M2M_TRUSTED_ISSUERS_FILE\nA JSON list of the outside issuers whose tokens are taken.\n";

static int man(struct ctl *ctl, char **args)
{
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status != EXIT_DONE)
		return status;

	struct sbuf out = sbuf_in(ctl->a, 65536);
	sbuf_putz(&out,
		  ".\\\" made by: m2mctl man\n"
		  ".TH M2MCTL 1 " WORDING_OF " \"m2m\\-gateway " M2M_VERSION "\"\n"
		  ".nh\n"
		  ".SH NAME\nm2mctl \\- the operator\\(aqs side of m2m\\-gateway\n"
		  ".SH SYNOPSIS\n"
		  ".B m2mctl\n[\\-\\-output text|json|csv|env|k8s\\-secret] GROUP COMMAND [arguments]\n.br\n"
		  ".B m2mctl\nGROUP COMMAND \\-\\-help\n.br\n"
		  ".B m2mctl\n\\-\\-help | \\-\\-version\n"
		  ".SH DESCRIPTION\n"
		  "It works on the gateway\\(aqs database over M2M_ADMIN_DATABASE_URL, and records in m2m.admin_audit what it does.\n");
	put_commands(ctl, &out);
	sbuf_putz(&out, output_section);
	put_environment(ctl, &out);
	put_exit_status(&out);
	sbuf_putz(&out, ".SH EXAMPLES\nA first start:\n");
	put_example(&out, command_first_start, 0);
	sbuf_putz(&out, files_section);
	return output_text(&out);
}

const struct command man_commands[] = {
	{"man", "", "", "Prints the manual page, m2mctl(1)", "Example:\n  m2mctl man | man -l -\n", man},
	{"man", NULL, NULL, NULL, NULL, NULL},
};
