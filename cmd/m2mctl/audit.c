/* m2mctl audit: which tokens were issued, how the record of them is stored, and whether it
 * agrees with itself. */
#include "operator/audit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit_report.h"
#include "audit_seals.h"
#include "base/clock.h"
#include "ctl.h"
#include "operator/export.h"
#include "options.h"
#include "output.h"
#include "sql/auth_method.h"

static int no_memory(void)
{
	ctl_say("there is no memory left");
	return EXIT_FAILED;
}

/* ---- tokens ---- */

enum { TOKEN_COLUMNS = 15 };

/* NULL: out of memory, which was said. */
static struct field *token_fields(struct ctl *ctl, const struct audit_token *tokens, size_t n)
{
	struct field *fields = output_room(ctl, TOKEN_COLUMNS, n);
	for (size_t i = 0; fields != NULL && i < n; i++) {
		const struct audit_token *t = &tokens[i];
		struct field *row = fields + i * TOKEN_COLUMNS;
		row[0] = field_time(ctl, "issued_at", t->issued_at);
		row[1] = field_time(ctl, "expires_at", t->expires_at);
		row[2] = field_text("organization", t->organization);
		row[3] = field_text("client_id", t->client_id);
		row[4] = t->secret_version == 0 ? field_raw("secret_version", STR_NONE) : field_number("secret_version", t->secret_version);
		row[5] = field_text("auth_method", t->auth_method);
		row[6] = field_text("credential", t->credential);
		row[7] = field_text("bound_to", t->bound_to);
		row[8] = field_text("caller", t->caller);
		row[9] = field_words("scope", t->scope);
		row[10] = field_text("audience", t->audience);
		row[11] = field_text("transport", t->transport);
		row[12] = field_text("remote_addr", t->remote_addr);
		row[13] = field_text("kid", t->kid);
		row[14] = field_uuid(ctl, "jti", t->jti);
	}
	return fields;
}

static int list_tokens(struct ctl *ctl, const struct audit_question *question)
{
	const struct audit_token *rows = NULL;
	size_t n = 0;
	int status = ctl_ended(ctl, operator_audit_tokens(ctl->db, question, &rows, &n));
	if (status != EXIT_DONE)
		return status;
	struct field *fields = token_fields(ctl, rows, n);
	status = fields == NULL ? EXIT_FAILED : output_rows(ctl, "tokens", fields, TOKEN_COLUMNS, n);
	if (status == EXIT_DONE && n == (size_t)question->limit)
		ctl_say("there may be more: --limit %d", question->limit);
	return status;
}

#define FOLLOW_MEMORY (256 * 1024 * 1024) /* a second's rows, at any rate */

/* The first time the latest ones, the oldest of them first as in all that follow. */
static int follow_once(struct ctl *ctl, const struct audit_question *question, struct str *seen, bool *first)
{
	const struct audit_token *rows = NULL;
	size_t n = 0;
	bool began = seen->p != NULL;
	int status = ctl_ended(ctl, operator_audit_follow(ctl->db, question, seen, &rows, &n));
	struct audit_token *ordered = arena_alloc(ctl->a, (n + 1) * sizeof *ordered);
	if (status != EXIT_DONE || ordered == NULL)
		return status != EXIT_DONE ? status : no_memory();
	for (size_t i = 0; i < n; i++)
		ordered[i] = rows[began ? i : n - 1 - i];
	struct field *fields = token_fields(ctl, ordered, n);
	status = fields == NULL ? EXIT_FAILED : output_next_rows(ctl, *first, fields, TOKEN_COLUMNS, n);
	*first = *first && n == 0;
	return status;
}

/* Until the database or the reader is gone, or a signal ends it. Each turn's memory is the
 * turn's. */
static int follow_tokens(struct ctl *ctl, const struct audit_question *question)
{
	static char snapshot[65536]; /* its text grows with the transactions under way */
	struct str seen = STR_NONE;
	struct arena *kept = ctl->a;
	struct arena *turn = arena_new(FOLLOW_MEMORY);
	bool first = true;
	int status = turn == NULL ? no_memory() : EXIT_DONE;
	ctl->a = turn;
	(void)operator_swap_arena(ctl->db, turn);
	while (status == EXIT_DONE) {
		status = follow_once(ctl, question, &seen, &first);
		if (status == EXIT_DONE && seen.n > sizeof snapshot)
			status = no_memory();
		if (status != EXIT_DONE)
			break;
		memcpy(snapshot, seen.p, seen.n);
		seen = str_from(snapshot, seen.n);
		arena_reset(turn);
		(void)nanosleep(&(const struct timespec){.tv_nsec = 500000000}, NULL);
	}
	ctl->a = kept;
	(void)operator_swap_arena(ctl->db, kept);
	arena_free(turn);
	return status;
}

static int read_time(struct ctl *ctl, const char *name, struct str text, int64_t *ret)
{
	if (text.p != NULL && clock_parse_rfc3339(text, ret) != ERR_OK)
		return ctl_usage(ctl, "%s: expected a time of RFC 3339, such as 2026-11-24T08:00:00Z", name);
	return EXIT_DONE;
}

static int check_auth_method(struct ctl *ctl, struct str word)
{
	bool good = word.p == NULL || auth_method_is_known(word);
	return good ? EXIT_DONE : ctl_usage(ctl, "--auth-method: there is no method %.*s", STR_ARG(word));
}

static int tokens(struct ctl *ctl, char **args)
{
	struct audit_question question = {.days = 0, .limit = 0};
	struct str since = STR_NONE;
	struct str until = STR_NONE;
	struct str jti_text = STR_NONE;
	struct uuid jti;
	bool follow = false;
	const struct option options[] = {
		{"--org", OPTION_TEXT, &question.org, 0, 0},
		{"--client", OPTION_TEXT, &question.client_id, 0, 0},
		{"--days", OPTION_NUMBER, &question.days, 1, AUDIT_DAYS_MAX},
		{"--since", OPTION_TEXT, &since, 0, 0},
		{"--until", OPTION_TEXT, &until, 0, 0},
		{"--jti", OPTION_TEXT, &jti_text, 0, 0},
		{"--kid", OPTION_TEXT, &question.kid, 0, 0},
		{"--secret-version", OPTION_NUMBER, &question.secret_version, 1, INT32_MAX},
		{"--auth-method", OPTION_TEXT, &question.auth_method, 0, 0},
		{"--credential", OPTION_TEXT, &question.credential, 0, 0},
		{"--address", OPTION_TEXT, &question.remote_addr, 0, 0},
		{"--alive", OPTION_FLAG, &question.alive, 0, 0},
		{"--follow", OPTION_FLAG, &follow, 0, 0},
		{"--limit", OPTION_NUMBER, &question.limit, 1, AUDIT_LIMIT_MAX},
	};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], NULL);
	if (status == EXIT_DONE)
		status = read_time(ctl, "--since", since, &question.since);
	if (status == EXIT_DONE)
		status = read_time(ctl, "--until", until, &question.until);
	if (status == EXIT_DONE && question.days != 0 && since.p != NULL)
		status = ctl_usage(ctl, "--days and --since say the same thing: give one of them");
	if (status == EXIT_DONE && jti_text.p != NULL && uuid_parse(jti_text, &jti) != ERR_OK)
		status = ctl_usage(ctl, "--jti: expected a UUID");
	if (status == EXIT_DONE && question.remote_addr.p != NULL && !str_is_network(question.remote_addr))
		status = ctl_usage(ctl, "--address: expected an IP address, or a network in CIDR form");
	if (status == EXIT_DONE)
		status = check_auth_method(ctl, question.auth_method);
	if (status == EXIT_DONE)
		status = output_rows_check(ctl);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status != EXIT_DONE)
		return status;
	question.jti = jti_text.p != NULL ? &jti : NULL;
	/* no token lives longer */
	question.days = question.days != 0 ? question.days : question.alive ? 30 : 1;
	question.limit = question.limit != 0 ? question.limit : follow ? 10 : 100;
	return follow ? follow_tokens(ctl, &question) : list_tokens(ctl, &question);
}

/* ---- partitions ---- */

static int print_partitions(struct ctl *ctl, const struct audit_partition *partitions, size_t n)
{
	enum { COLUMNS = 5 };
	struct field *fields = output_room(ctl, COLUMNS, n);
	if (fields == NULL)
		return EXIT_FAILED;
	for (size_t i = 0; i < n; i++) {
		struct field *row = fields + i * COLUMNS;
		row[0] = field_text("partition", partitions[i].name);
		row[1] = field_time(ctl, "from", partitions[i].from);
		row[2] = field_time(ctl, "until", partitions[i].until);
		row[3] = field_bool("has_rows", partitions[i].has_rows);
		row[4] = field_number("bytes", partitions[i].bytes);
	}
	return output_rows(ctl, "partitions", fields, COLUMNS, n);
}

static void say_counting(struct str day)
{
	if (day.p == NULL)
		ctl_say("waiting for transactions that began before the end of the day");
	else if (isatty(STDERR_FILENO))
		ctl_say("counted %.*s", STR_ARG(day));
}

static void say_dropping(struct str partition, enum audit_drop what)
{
	static const char *const texts[] = {
		[DROP_WAITING] = "waiting for others to let go of the audit, to drop",
		[DROP_DONE] = "dropped",
		[DROP_WOULD] = "would drop",
	};
	ctl_say("%s %.*s", texts[what], STR_ARG(partition));
}

/* "13months", "90days": a number and one of four units. */
static bool read_age(struct str text, struct audit_retention *ret)
{
	static const struct {
		const char *name;
		int32_t months, days;
	} units[] = {{"day", 0, 1}, {"week", 0, 7}, {"month", 1, 0}, {"year", 12, 0}};
	size_t digits = 0;
	int64_t number;
	while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
		digits++;
	struct str unit = str_from(text.p + digits, text.n - digits);
	if (unit.n > 1 && unit.p[unit.n - 1] == 's')
		unit.n--;
	if (str_to_i64(str_from(text.p, digits), 1, 4000, &number) != ERR_OK)
		return false;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (str_eq(unit, str_of(units[i].name))) {
			ret->months = (int32_t)number * units[i].months;
			ret->days = (int32_t)number * units[i].days;
			return true;
		}
	return false;
}

static int check_keep(struct ctl *ctl, struct str keep, struct audit_retention *ret)
{
	if (keep.p == NULL)
		return ret->dry_run ? ctl_usage(ctl, "--dry-run goes with --keep") : EXIT_DONE;
	if (!read_age(keep, ret))
		return ctl_usage(ctl, "--keep: expected a number and days, weeks, months or years, such as 13months");
	if (ret->months == 0 && ret->days < 31)
		return ctl_usage(ctl, "--keep: expected at least 31 days, since a token may live for 30");
	return EXIT_DONE;
}

static int partitions(struct ctl *ctl, char **args)
{
	const struct audit_partition *rows = NULL;
	size_t n = 0;
	int32_t ahead = -1;
	int32_t made = 0;
	struct str keep = STR_NONE;
	struct audit_retention retention = {.wait_s = 60};
	int32_t counted = 0;
	int32_t dropped = 0;
	const struct option options[] = {
		{"--ahead", OPTION_NUMBER, &ahead, 0, AUDIT_DAYS_MAX},
		{"--keep", OPTION_TEXT, &keep, 0, 0},
		{"--dry-run", OPTION_FLAG, &retention.dry_run, 0, 0},
		{"--wait", OPTION_NUMBER, &retention.wait_s, 0, 86400},
	};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], NULL);
	if (status == EXIT_DONE)
		status = check_keep(ctl, keep, &retention);
	if (status == EXIT_DONE)
		status = output_rows_check(ctl);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE && ahead >= 0)
		status = ctl_ended(ctl, operator_audit_partitions_ahead(ctl->db, ahead, &made));
	/* what is counted may go */
	if (status == EXIT_DONE && keep.p != NULL && !retention.dry_run)
		status = ctl_ended(ctl, operator_audit_count(ctl->db, retention.wait_s, say_counting, &counted));
	if (status == EXIT_DONE && keep.p != NULL)
		status = ctl_ended(ctl, operator_audit_retain(ctl->db, &retention, say_dropping, &dropped));
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_audit_partitions(ctl->db, &rows, &n));
	if (status != EXIT_DONE)
		return status;
	if (ahead >= 0)
		ctl_say("made %d", made);
	if (keep.p != NULL && !retention.dry_run)
		ctl_say("counted %d days, dropped %d weeks", counted, dropped);
	return print_partitions(ctl, rows, n);
}

/* ---- count ---- */

static int count(struct ctl *ctl, char **args)
{
	int32_t wait_s = 60;
	int32_t days = 0;
	const struct option options[] = {{"--wait", OPTION_NUMBER, &wait_s, 0, 86400}};
	int status = options_read(ctl, args, options, 1, NULL);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_audit_count(ctl->db, wait_s, say_counting, &days));
	if (status != EXIT_DONE)
		return status;
	const struct field fields[] = {field_number("days", days)};
	return output_record(ctl, fields, 1);
}

/* ---- verify ---- */

static void say_progress(size_t done, size_t of, const char *what)
{
	if (isatty(STDERR_FILENO))
		ctl_say("%zu of %zu: %s?", done + 1, of, what);
}

/* Fills a row for each question. */
static int contradictions(struct ctl *ctl, int32_t days, struct field *fields, size_t *ret_n, bool *ret_sound)
{
	const struct audit_check *checks = NULL;
	int status = ctl_ended(ctl, operator_audit_verify(ctl->db, days, say_progress, &checks, ret_n));
	for (size_t i = 0; status == EXIT_DONE && i < *ret_n; i++) {
		struct field *row = fields + i * SEAL_CHECK_COLUMNS;
		row[0] = field_text("check", str_of(checks[i].what));
		row[1] = field_text("result", checks[i].rows == 0 ? STR("OK") : STR("FAULT"));
		row[2] = field_number("found", checks[i].rows);
		row[3] = field_raw("which", STR_NONE);
		*ret_sound = *ret_sound && checks[i].rows == 0;
	}
	return status;
}

/* What is named stands in JSON; people have read it on stderr. */
static int print_checks(struct ctl *ctl, struct field *fields, size_t n)
{
	if (ctl->output == OUTPUT_JSON)
		return output_rows(ctl, "checks", fields, SEAL_CHECK_COLUMNS, n);
	for (size_t i = 0; i < n; i++)
		memmove(fields + i * (SEAL_CHECK_COLUMNS - 1), fields + i * SEAL_CHECK_COLUMNS, (SEAL_CHECK_COLUMNS - 1) * sizeof *fields);
	return output_rows(ctl, "checks", fields, SEAL_CHECK_COLUMNS - 1, n);
}

static int without_database(struct ctl *ctl)
{
	int status = ctl_read_config(ctl, 0);
	ctl->db = status == EXIT_DONE ? operator_offline(ctl->a) : NULL;
	return status == EXIT_DONE && ctl->db == NULL ? no_memory() : status;
}

static int verify(struct ctl *ctl, char **args)
{
	struct field fields[(SEAL_FAULTS + AUDIT_CHECKS_MAX) * SEAL_CHECK_COLUMNS];
	size_t n = 0;
	size_t asked = 0;
	int32_t days = 30;
	struct str heads = STR_NONE;
	struct str only = STR_NONE;
	struct str export = STR_NONE;
	bool sound = true;
	const struct option options[] = {{"--days", OPTION_NUMBER, &days, 1, AUDIT_DAYS_MAX},
					 {"--head", OPTION_TEXT, &heads, 0, 0},
					 {"--only", OPTION_TEXT, &only, 0, 0},
					 {"--export", OPTION_TEXT, &export, 0, 0}};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], NULL);
	if (status == EXIT_DONE && heads.p != NULL && str_eq(only, STR("contradictions")))
		status = ctl_usage(ctl, "--head is for seals");
	if (status == EXIT_DONE && export.p != NULL && only.p != NULL && !str_eq(only, STR("seals")))
		status = ctl_usage(ctl, "--export has no clients and keys to hold its rows against: --only seals");
	if (export.p != NULL)
		only = STR("seals");
	if (status == EXIT_DONE)
		status = output_rows_check(ctl);
	if (status == EXIT_DONE)
		status = export.p != NULL ? without_database(ctl) : ctl_connect(ctl, 0);
	if (status == EXIT_DONE && !str_eq(only, STR("contradictions"))) {
		status = seals_check(ctl, days, heads, export, fields, &sound);
		n = SEAL_FAULTS;
	}
	if (status == EXIT_DONE && !str_eq(only, STR("seals")))
		status = contradictions(ctl, days, fields + n * SEAL_CHECK_COLUMNS, &asked, &sound);
	if (status == EXIT_DONE)
		status = print_checks(ctl, fields, n + asked);
	return status == EXIT_DONE && !sound ? EXIT_REFUSED : status;
}

const struct command audit_commands[] = {
	{"audit", "tokens",
	 "[--org SLUG] [--client CLIENT_ID] [--days N] [--since TIME] [--until TIME] [--jti JTI] [--kid KID] [--secret-version N]"
	 " [--auth-method WORD] [--credential TEXT] [--address ADDRESS] [--alive] [--follow] [--limit N]",
	 "Lists the tokens that were issued, the youngest first",
	 "  --org SLUG           of one organization, by slug or id; by id also of a deleted one\n"
	 "  --client CLIENT_ID   of one client\n"
	 "  --days N             how far back, 1 to 400 (default 1; with --alive 30)\n"
	 "  --since TIME         issued then or later, as 2026-11-24T08:00:00Z; in place of --days\n"
	 "  --until TIME         issued earlier\n"
	 "  --jti JTI            the one token with this id\n"
	 "  --kid KID            signed with this key\n"
	 "  --secret-version N   obtained with this version of the secret\n"
	 "  --auth-method WORD   whose client authenticated so: client_secret_basic, client_secret_post, private_key_jwt,\n"
	 "                       tls_client_auth, self_signed_tls_client_auth, workload or jwt_bearer\n"
	 "  --credential TEXT    obtained with this key, certificate or workload, as CREDENTIAL shows it\n"
	 "  --address ADDRESS    asked for from this address, or network in CIDR form\n"
	 "  --alive              that have not expired\n"
	 "  --follow             the last ones, and then each new one as it is recorded, the oldest first; ends with Ctrl-C\n"
	 "  --limit N            how many at most, 1 to 10000 (default 100); with --follow how many to begin with (default 10)\n\n"
	 "More questions: m2mctl audit report. The role m2m_auditor is enough.\n\n"
	 "Example:\n"
	 "  m2mctl audit tokens --org acme --days 7 --output csv\n"
	 "  m2mctl audit tokens --address 192.0.2.0/24 --follow\n",
	 tokens},
	{"audit", "report", "REPORT [--org SLUG] [--client CLIENT_ID] [--limit N]", "Answers one of the auditor's questions",
	 "  --org SLUG          of one organization, by slug\n"
	 "  --client CLIENT_ID  of one client\n"
	 "  --limit N           how many rows at most, 1 to 10000 (default 100)\n\n"
	 "REPORT is one of\n"
	 "  tokens_per_day              tokens of each organization and day (UTC), for billing\n"
	 "  tokens_by_secret_version    how many tokens each secret gave, and how many are alive\n"
	 "  tokens_by_auth_method       how many tokens each client got with which method, day by day (UTC)\n"
	 "  tokens_by_signing_key       how many tokens each key signed\n"
	 "  secret_last_use             when each secret was used last\n"
	 "  credential_last_use         when each credential that a client has now was used last, and from where\n"
	 "  client_last_use             when each client got a token last\n"
	 "  clients_never_used          clients that never got one\n"
	 "  secrets_used_after_rotation what a replaced secret still gave\n"
	 "  secrets_read_or_rotated     who read or rotated which secret\n"
	 "  failed_attempts_by_client   refusals of each client\n"
	 "  attempts_from_elsewhere     refusals from addresses that a client's or organization's --allow-network leaves out\n"
	 "  failed_attempts_by_address  refusals of each address\n"
	 "They are views of the schema m2m, which answer any other question in SQL. The role m2m_auditor is enough.\n\n"
	 "Example:\n  m2mctl audit report tokens_per_day --org acme --output csv\n",
	 audit_report},
	{"audit", "story", "JTI", "Tells all that is known of one token, in its order",
	 "Its secret, its issue, its end, and what became of its client, organization and key. The role m2m_auditor is enough.\n\n"
	 "Example:\n  m2mctl audit story 01970c1b-4d5e-7f60-8a9b-0c1d2e3f4a5b\n",
	 audit_story},
	{"audit", "partitions", "[--ahead DAYS] [--keep AGE [--dry-run] [--wait SECONDS]]",
	 "Lists the parts that the record of tokens is stored in, a week each, and drops old ones",
	 "  --ahead DAYS    makes those of the next DAYS, 0 to 400, first; gateways do so by themselves (M2M_PARTITION_DAYS)\n"
	 "  --keep AGE      drops, for good, those whose rows are all older than AGE: a number and days, weeks, months or years,\n"
	 "                  at least 31 days\n"
	 "  --dry-run       only says which ones would go\n"
	 "  --wait SECONDS  how long to try for each one while others are at the audit (default 60)\n\n"
	 "Dropping keeps tokens waiting for 0.3 seconds at most: a moment that can't be had at once is tried for again.\n"
	 "Rows of weeks without a part of their own are in token_audit_default, which should be empty.\n\n"
	 "Example:\n"
	 "  m2mctl audit partitions\n"
	 "  m2mctl audit partitions --keep 13months\n",
	 partitions},
	{"audit", "count", "[--wait SECONDS]", "Counts the tokens of the days that are over, for the views that add up",
	 "  --wait SECONDS  how long to wait for transactions that may still add to such a day (default 60)\n\n"
	 "The views are right without it; counted days are answered without reading their tokens, and their counts stay when the\n"
	 "tokens' rows are dropped. Meant to run every night, an hour after midnight UTC or later; `audit partitions --keep` does it "
	 "too.\n\n"
	 "Example:\n  m2mctl audit count\n",
	 count},
	{"audit", "verify", "[--days N] [--head FILE] [--only seals|contradictions] [--export FILE]",
	 "Checks that no token's record was changed, removed or added, and that records agree with each other",
	 "  --days N     how far back, 1 to 400 (default 30)\n"
	 "  --head FILE  also against what `m2mctl audit head --output json` printed earlier: so that a cut-off end shows too\n"
	 "  --only WHAT  only the seals, or only what records say of each other\n"
	 "  --export FILE  not the database, but what `m2mctl audit export` wrote, without any database\n\n"
	 "Every record is held against its batch's seal, and every seal against its signature and the one before; what differs is named.\n"
	 "The seals' keys are derived from the master keys (M2M_MASTER_KEYS_FILE), or are those of FILE; with neither, those that the\n"
	 "database has. Then tokens are held against clients, secrets, keys and acts. The last batch of a writer isn't sealed before\n"
	 "the next one, or two seconds of quiet. Exit code 6 when anything is wrong. The role m2m_auditor is enough.\n\n"
	 "Example:\n"
	 "  m2mctl audit verify --days 7\n"
	 "  m2mctl audit verify --only seals --head heads.json\n",
	 verify},
	{"audit", "head", "[--days N]", "Lists how far each writer of the record has come, signed",
	 "  --days N  writers that wrote in the last N days, 1 to 400 (default 400)\n\n"
	 "Kept where the database's owner can't change it, it shows later whether the end of the record was cut off, and vouches for\n"
	 "the seals' keys: m2mctl audit verify --head FILE. The role m2m_auditor is enough.\n\n"
	 "Example:\n  m2mctl audit head --output json > heads.json\n",
	 audit_head},
	{"audit", "export", "PARTITION --to FILE", "Writes a week of the record to a file that can be verified without the database",
	 "  --to FILE  its rows; FILE.seals has the seals that vouch for them. Neither may be there yet\n\n"
	 "Both are in PostgreSQL's binary copy format, and can be loaded again with it. The week must be over and counted (m2mctl audit\n"
	 "count), so that no row can follow. With M2M_MASTER_KEYS_FILE the files are verified at once; m2mctl audit verify --export does\n"
	 "it later. The role m2m_auditor is enough.\n\n"
	 "Example:\n"
	 "  m2mctl audit export token_audit_p20261116 --to token_audit_p20261116.copy\n"
	 "  m2mctl audit verify --export token_audit_p20261116.copy --head heads.json\n",
	 audit_export},
	{"audit", "prove", "JTI", "Prints the proof that a token's record is the one that was sealed",
	 "Whoever has the public key can check it without the database: SHA-256 of 0x00 and `row` leads along `path` to the root that\n"
	 "stands in `seal`, from byte 123 on, and `signature` is ES256 of the SHA-256 of `seal`. The role m2m_auditor is enough.\n\n"
	 "Example:\n  m2mctl audit prove 01970c1b-4d5e-7f60-8a9b-0c1d2e3f4a5b --output json > proof.json\n",
	 audit_prove},
	{"audit", NULL, NULL, NULL, NULL, NULL},
};
