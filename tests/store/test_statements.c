/* The .sql files of the rooms: people read them, and paste them into psql. */
#include <glob.h>
#include <stdio.h>
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
	static char text[32768];
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

/* As a person sees it, who wants to run it. */
Test(statements, each_file_is_shown_as_one_statement_that_postgresql_takes)
{
	glob_t files;
	cr_assert_eq(glob(M2M_SOURCE_DIR "/internal/*/*.sql", 0, NULL, &files), 0);
	cr_assert_gt(files.gl_pathc, 0U);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		if (strstr(files.gl_pathv[i], "/parts.sql") != NULL)
			continue;
		const char *text = shown(files.gl_pathv[i]);
		PGresult *r = PQprepare(world_db(&w), "", text, 0, NULL);
		cr_expect_eq(PQresultStatus(r), PGRES_COMMAND_OK, "%s: %s", files.gl_pathv[i], PQresultErrorMessage(r));
		char command[1024];
		snprintf(command, sizeof command, "head -n 1 '%s'", files.gl_pathv[i]);
		cr_expect_eq(strncmp(output_of(command), "-- ", 3), 0, "%s doesn't begin with what it is for", files.gl_pathv[i]);
		PQclear(r);
	}
	globfree(&files);
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
