/* The .sql files of the rooms: people read them, and paste them into psql. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;

static void prepare(void)
{
	world_prepare(&w, false);
}

static void down(void)
{
	world_close(&w);
}

TestSuite(statements, .init = prepare, .fini = down);

static const char *output_of(const char *command)
{
	static char text[65536];
	FILE *pipe = popen(command, "re");
	cr_assert_not_null(pipe, "%s", command);
	size_t n = fread(text, 1, sizeof text - 1, pipe);
	cr_assert_eq(pclose(pipe), 0, "%s", command);
	text[n] = '\0';
	return text;
}

static const char *shown(const char *path)
{
	char command[1024];
	snprintf(command, sizeof command, M2M_SOURCE_DIR "/internal/sql/show_statement '%s'", path);
	return output_of(command);
}

/* Each text ends in a line of its own with a semicolon. */
static int prepare_each(const char *path)
{
	int n = 0;
	char *rest = NULL, *text = strdup(shown(path));
	for (char *at = text; (rest = strstr(at, "\n;\n")) != NULL; at = rest + 3, n++) {
		*rest = '\0';
		PGresult *r = PQprepare(world_db(&w), "", at, 0, NULL);
		cr_expect_eq(PQresultStatus(r), PGRES_COMMAND_OK, "%s: %s", path, PQresultErrorMessage(r));
		PQclear(r);
	}
	free(text);
	return n;
}

/* As a person sees them, who wants to run them. */
Test(statements, each_file_is_shown_as_statements_that_postgresql_takes)
{
	glob_t files;
	cr_assert_eq(glob(M2M_SOURCE_DIR "/internal/*/*.sql", 0, NULL, &files), 0);
	cr_assert_gt(files.gl_pathc, 0U);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		if (strstr(files.gl_pathv[i], "/parts.sql") != NULL)
			continue;
		cr_expect_gt(prepare_each(files.gl_pathv[i]), 0, "%s has no text", files.gl_pathv[i]);
		char command[1024];
		snprintf(command, sizeof command, "head -n 1 '%s'", files.gl_pathv[i]);
		cr_expect_eq(strncmp(output_of(command), "-- ", 3), 0, "%s doesn't begin with what it is for", files.gl_pathv[i]);
	}
	globfree(&files);
}

/* ---- a question whose caller isn't where it says ---- */

/* What introspect_by_secrets.sql makes of one token, "null" for null. */
static const char *outcome_of_caller(const char *clients, const char *verifiers, const char *addresses, const char *asked_by)
{
	static char outcome[64];
	const char *const values[] = {
		clients,  verifiers,      addresses,      "{kid}", "{t}",   "{00000000-0000-0000-0000-000000000001}", "{client}", "{1}",
		"{NULL}", "{1700000000}", "{4000000000}", "{k1}",  asked_by};
	char *text = strdup(shown(M2M_SOURCE_DIR "/internal/store/introspect_by_secrets.sql"));
	*strstr(text, "\n;\n") = '\0';
	PGresult *r = PQexecParams(world_db(&w), text, sizeof values / sizeof *values, NULL, values, NULL, NULL, 0);
	free(text);
	cr_assert_eq(PQresultStatus(r), PGRES_TUPLES_OK, "%s", PQresultErrorMessage(r));
	cr_assert_eq(PQntuples(r), 1);
	snprintf(outcome, sizeof outcome, "%s", PQgetisnull(r, 0, 0) ? "null" : PQgetvalue(r, 0, 0));
	PQclear(r);
	return outcome;
}

/* The gateway takes null for a fault of its own (sql/outcome.h). */
Test(statements, nobody_is_granted_without_a_verdict)
{
	static const char *const nowhere[] = {"{0}", "{2}", "{-1}", "{NULL}"};
	for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++)
		cr_expect_str_eq(outcome_of_caller("{nobody}", "{x}", "{127.0.0.1}", nowhere[i]), "null", "%s", nowhere[i]);
	cr_expect_str_eq(outcome_of_caller("{}", "{}", "{}", "{1}"), "null");
	cr_expect_str_eq(outcome_of_caller("{nobody}", "{x}", "{127.0.0.1}", "{1}"), "invalid_client");
}

/* ---- what embed_statements.cmake makes of a file ---- */

static const char *made_of(const char *text)
{
	char path[TMP_PATH];
	tmp_path(path, "statement", ".sql");
	tmp_write(path, text);
	return shown(path);
}

Test(statements, a_part_is_taken_in_with_its_arguments)
{
	const char *text = made_of("-- What for.\nselect from m2m.client_secret s where\n--: bearer_tag(s)\n = $1\n");
	cr_expect_not_null(strstr(text, "where\nsubstr(s.verifier, 1, 6)\n = $1\n"), "%s", text);
	cr_expect_null(strstr(text, "What for"));
}

Test(statements, a_part_stands_as_far_to_the_right_as_its_line)
{
	const char *text = made_of("select 1\n    --: caller_refused\n    --: end_tokens_end\n");
	cr_expect_not_null(strstr(text, "\n    on conflict (organization_id"), "%s", text);
	cr_expect_not_null(strstr(text, "\n      not_before = greatest("), "%s", text);
}

Test(statements, an_argument_may_hold_commas_in_parentheses)
{
	const char *text = made_of("select\n--: tokens_not_before(coalesce($1::timestamptz, now()))\n");
	cr_expect_not_null(strstr(text, "date_trunc('second', coalesce($1::timestamptz, now()))"), "%s", text);
}

Test(statements, one_file_gives_several_texts_that_share_lines)
{
	const char *text = made_of("--! plain:\n--! longer: more\nselect 1\n--? more\n, 2\n--? end\n--? not more\n, 3\n--? end\n, 4\n");
	cr_expect_not_null(strstr(text, "-- plain\nselect 1\n, 3\n, 4\n;"), "%s", text);
	cr_expect_not_null(strstr(text, "-- longer\nselect 1\n, 2\n, 4\n;"), "%s", text);
}

Test(statements, a_text_without_the_word_has_the_lines_behind_else)
{
	const char *text = made_of("--! plain:\n--! longer: more\nselect 1\n--? more\n, 2\n--? else\n, 3\n--? end\n, 4\n");
	cr_expect_not_null(strstr(text, "-- plain\nselect 1\n, 3\n, 4\n;"), "%s", text);
	cr_expect_not_null(strstr(text, "-- longer\nselect 1\n, 2\n, 4\n;"), "%s", text);
}

Test(statements, a_part_has_the_lines_of_the_words_of_the_text_that_takes_it_in)
{
	cr_expect_null(strstr(made_of("with\n--: used_once\nselect from fin\n"), "proof_replayed"));
	cr_expect_not_null(strstr(made_of("--! with_proof: dpop\nwith\n--: used_once\nselect from fin\n"), "proof_replayed"));
}
