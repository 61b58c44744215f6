/* m2mctl portal: links to the portal, and the sessions that came of them. */
#include "operator/portal.h"
#include "operator/org.h"

#include "ctl.h"
#include "options.h"
#include "output.h"

/* Connects and finds it. */
static int find_org(struct ctl *ctl, struct str slug, struct org *ret)
{
	int status = slug.p == NULL ? ctl_usage(ctl, "the organization's slug or id is missing") : ctl_connect(ctl, 0);
	return status == EXIT_DONE ? ctl_ended(ctl, operator_org_find(ctl->db, slug, ret)) : status;
}

static int read_link(struct ctl *ctl, char **args, struct portal_link_spec *spec, struct str *ret_slug)
{
	struct word_list may = {.n = 0};
	const struct option options[] = {
		{"--actor", OPTION_TEXT, &spec->actor, 0, 0},
		{"--may", OPTION_WORDS, &may, 0, 0},
		{"--return-url", OPTION_TEXT, &spec->return_url, 0, 0},
		{"--ttl", OPTION_DURATION, &spec->ttl, PORTAL_TTL_MIN, PORTAL_TTL_MAX},
	};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], ret_slug);
	for (size_t i = 0; status == EXIT_DONE && i < may.n; i++) {
		unsigned right = portal_right_of(may.v[i]);
		if (right == 0)
			return ctl_usage(ctl, "--may takes " PORTAL_RIGHTS_TEXT);
		spec->may |= right;
	}
	return status == EXIT_DONE ? check_spec(ctl, portal_link_complete(spec)) : status;
}

static int link_to(struct ctl *ctl, char **args)
{
	struct portal_link_spec spec = {.may = 0};
	struct str slug = STR_NONE, url = STR_NONE;
	int64_t expires_at = 0;
	struct org org;
	int status = read_link(ctl, args, &spec, &slug);
	if (status == EXIT_DONE)
		status = find_org(ctl, slug, &org);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_portal_link(ctl->db, &org, &spec, ctl->config.public_url, &url, &expires_at));
	if (status != EXIT_DONE)
		return status;
	const struct field fields[] = {
		field_in_env("M2M_PORTAL_URL", field_text("url", url)),
		field_time(ctl, "expires_at", expires_at),
	};
	return output_record(ctl, fields, sizeof fields / sizeof fields[0]);
}

static struct str rights_of(struct ctl *ctl, unsigned may)
{
	struct str words[PORTAL_RIGHTS];
	size_t n = portal_right_words(may, words);
	struct sbuf out = sbuf_in(ctl->a, 64);
	for (size_t i = 0; i < n; i++)
		sbuf_printf(&out, "%s%.*s", i == 0 ? "" : " ", STR_ARG(words[i]));
	return sbuf_str(&out);
}

static int sessions(struct ctl *ctl, char **args)
{
	enum { COLUMNS = 6 };
	struct str slug = STR_NONE;
	const struct portal_session *found = NULL;
	size_t n = 0;
	struct org org;
	int status = options_read(ctl, args, NULL, 0, &slug);
	if (status == EXIT_DONE)
		status = output_rows_check(ctl);
	if (status == EXIT_DONE)
		status = find_org(ctl, slug, &org);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_portal_sessions(ctl->db, &org, &found, &n));
	if (status != EXIT_DONE)
		return status;
	struct field *fields = arena_alloc(ctl->a, (n + 1) * COLUMNS * sizeof *fields);
	for (size_t i = 0; fields != NULL && i < n; i++) {
		struct field *row = fields + i * COLUMNS;
		row[0] = field_uuid(ctl, "session_id", found[i].session_id);
		row[1] = field_text("actor", found[i].actor);
		row[2] = field_text("may", rights_of(ctl, found[i].may));
		row[3] = field_time(ctl, "made_at", found[i].made_at);
		row[4] = field_time(ctl, "last_used_at", found[i].last_used_at);
		row[5] = field_time(ctl, "expires_at", found[i].idle_expires_at);
	}
	return output_rows(ctl, "portal sessions", fields, COLUMNS, fields == NULL ? 0 : n);
}

static int end(struct ctl *ctl, char **args)
{
	struct str slug = STR_NONE, session = STR_NONE;
	bool all = false;
	struct uuid id;
	struct org org;
	int64_t ended = 0;
	const struct option options[] = {{"--session", OPTION_TEXT, &session, 0, 0}, {"--all", OPTION_FLAG, &all, 0, 0}};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], &slug);
	if (status == EXIT_DONE && all == (session.p != NULL))
		return ctl_usage(ctl, "which session? Give --session ID, or --all");
	if (status == EXIT_DONE && !all && uuid_parse(session, &id) != ERR_OK)
		return ctl_usage(ctl, "--session takes the id that `m2mctl portal sessions` shows");
	if (status == EXIT_DONE)
		status = find_org(ctl, slug, &org);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_portal_end(ctl->db, &org, all ? NULL : &id, &ended));
	if (status != EXIT_DONE)
		return status;
	const struct field fields[] = {field_number("ended", ended)};
	return output_record(ctl, fields, 1);
}

const struct command portal_commands[] = {
	{"portal", "link", "SLUG|ID --actor NAME [--may RIGHT]... [--return-url URL] [--ttl DURATION]",
	 "Makes a link that lets a person of the organization into the portal, once",
	 "  --actor NAME      the person, as the audit names it: portal:NAME\n"
	 "  --may RIGHT       what it may do besides reading: reveal (secrets), rotate, clients (add and remove their credentials) or "
	 "audit;\n"
	 "                    repeat it for more\n"
	 "  --return-url URL  where the portal's way back leads\n"
	 "  --ttl DURATION    how long the link is good, 10s to 300s (default 120s)\n\n"
	 "The session that comes of it ends when it was idle for an hour, or is a day old. Set M2M_ISSUER as the gateway has it: the link\n"
	 "begins with it.\n\n"
	 "Example:\n  m2mctl portal link acme --actor 'Ada Lovelace <ada@example.com>' --may reveal --may rotate\n",
	 link_to},
	{"portal", "sessions", "SLUG|ID", "Lists the organization's live portal sessions, the newest first, a hundred at most",
	 "`expires_at` is when the session ends unless it is used.\n\nExample:\n  m2mctl portal sessions acme\n", sessions},
	{"portal", "end", "SLUG|ID [--session ID | --all]", "Ends portal sessions, from the next request on",
	 "  --session ID  this one\n"
	 "  --all         all of the organization's\n\n"
	 "Example:\n  m2mctl portal end acme --all\n",
	 end},
	{"portal", NULL, NULL, NULL, NULL, NULL},
};
