/* m2mctl console: links into the console, and the sessions that came of them. */
#include "operator/console.h"

#include "ctl.h"
#include "options.h"
#include "output.h"

/* "--may read,audit" and "--may read --may audit" are the same. */
static int take_rights(struct ctl *ctl, const struct word_list *words, unsigned *ret)
{
	for (size_t i = 0; i < words->n; i++) {
		struct str rest = words->v[i];
		do {
			unsigned right = console_right_of(str_split(&rest, ','));
			if (right == 0)
				return ctl_usage(ctl, "--may takes " CONSOLE_RIGHTS_TEXT);
			*ret |= right;
		} while (rest.p != NULL);
	}
	return EXIT_DONE;
}

static int link_to(struct ctl *ctl, char **args)
{
	struct console_link_spec spec = {.may = 0};
	struct word_list may = {.n = 0};
	struct str url = STR_NONE;
	int64_t expires_at = 0;
	const struct option options[] = {
		{"--actor", OPTION_TEXT, &spec.actor, 0, 0},
		{"--may", OPTION_WORDS, &may, 0, 0},
		{"--ttl", OPTION_DURATION, &spec.ttl, PORTAL_TTL_MIN, PORTAL_TTL_MAX},
	};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], NULL);
	if (spec.actor.p == NULL)
		spec.actor = ctl_user();
	if (status == EXIT_DONE)
		status = take_rights(ctl, &may, &spec.may);
	if (status == EXIT_DONE)
		status = check_spec(ctl, console_link_complete(&spec));
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_console_link(ctl->db, &spec, ctl->config.public_url, &url, &expires_at));
	if (status != EXIT_DONE)
		return status;
	const struct field fields[] = {
		field_in_env("M2M_CONSOLE_URL", field_text("url", url)),
		field_time(ctl, "expires_at", expires_at),
	};
	return output_line_or_record(ctl, url, fields, sizeof fields / sizeof fields[0]);
}

static struct str rights_of(struct ctl *ctl, unsigned may)
{
	struct str words[CONSOLE_RIGHTS];
	size_t n = console_right_words(may, words);
	struct sbuf out = sbuf_in(ctl->a, 64);
	for (size_t i = 0; i < n; i++)
		sbuf_printf(&out, "%s%.*s", i == 0 ? "" : " ", STR_ARG(words[i]));
	return sbuf_str(&out);
}

static int sessions(struct ctl *ctl, char **args)
{
	enum { COLUMNS = 6 };
	const struct console_session *found = NULL;
	size_t n = 0;
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status == EXIT_DONE)
		status = output_rows_check(ctl);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_console_sessions(ctl->db, &found, &n));
	if (status != EXIT_DONE)
		return status;
	struct field *fields = output_room(ctl, COLUMNS, n);
	for (size_t i = 0; fields != NULL && i < n; i++) {
		struct field *row = fields + i * COLUMNS;
		row[0] = field_uuid(ctl, "session_id", found[i].session_id);
		row[1] = field_text("actor", found[i].actor);
		row[2] = field_text("may", rights_of(ctl, found[i].may));
		row[3] = field_time(ctl, "made_at", found[i].made_at);
		row[4] = field_time(ctl, "last_used_at", found[i].last_used_at);
		row[5] = field_time(ctl, "expires_at", found[i].idle_expires_at);
	}
	return fields == NULL ? EXIT_FAILED : output_rows(ctl, "console sessions", fields, COLUMNS, n);
}

static int end(struct ctl *ctl, char **args)
{
	struct str session = STR_NONE, actor = STR_NONE;
	struct uuid id;
	int64_t ended = 0;
	const struct option options[] = {{"--session", OPTION_TEXT, &session, 0, 0}, {"--actor", OPTION_TEXT, &actor, 0, 0}};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], NULL);
	if (status == EXIT_DONE && (session.p == NULL) == (actor.p == NULL))
		return ctl_usage(ctl, "which? Give --session ID, or --actor NAME");
	if (status == EXIT_DONE && session.p != NULL && uuid_parse(session, &id) != ERR_OK)
		return ctl_usage(ctl, "--session takes the id that `m2mctl console sessions` shows");
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, session.p != NULL ? operator_console_end(ctl->db, &id, &ended)
							  : operator_console_end_operator(ctl->db, actor, &ended));
	if (status != EXIT_DONE)
		return status;
	const struct field fields[] = {field_number("ended", ended)};
	return output_record(ctl, fields, 1);
}

const struct command console_commands[] = {
	{"console", "", "[--actor NAME] [--may RIGHT]... [--ttl DURATION]", "Prints a link that lets an operator into the console, once",
	 "  --actor NAME    the operator, as the audit names it: console:NAME (default: who runs m2mctl)\n"
	 "  --may RIGHT     what it may do besides reading: organizations, clients, reveal (secrets), keys or audit; repeat it, or join\n"
	 "                  words with commas (default: everything)\n"
	 "  --ttl DURATION  how long the link is good, 10s to 300s (default 120s)\n\n"
	 "The session that comes of it ends when it was idle for an hour, or is a day old. Set M2M_ISSUER as the gateway has it: the link\n"
	 "begins with it.\n\n"
	 "Example:\n  m2mctl console --actor ada --may read,audit\n",
	 link_to},
	{"console", "sessions", "", "Lists the live console sessions, the newest first, a thousand at most",
	 "`expires_at` is when the session ends unless it is used.\n\nExample:\n  m2mctl console sessions\n", sessions},
	{"console", "end", "[--session ID | --actor NAME]", "Ends console sessions, from the next request on",
	 "  --session ID  this one\n"
	 "  --actor NAME  all of this operator's, with links that weren't used yet and tokens of `m2mctl token mint --operator`\n\n"
	 "Example:\n  m2mctl console end --actor ada\n",
	 end},
	{"console", NULL, NULL, NULL, NULL, NULL},
};
