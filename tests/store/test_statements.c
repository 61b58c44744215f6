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

static const char *text_of(const char *path)
{
	static char text[16384];
	FILE *file = fopen(path, "re");
	cr_assert_not_null(file, "%s", path);
	size_t n = fread(text, 1, sizeof text - 1, file);
	cr_assert_eq(fclose(file), 0);
	text[n] = '\0';
	return text;
}

/* As it stands, with its comments. */
Test(statements, each_file_is_one_statement_that_postgresql_takes)
{
	glob_t files;
	cr_assert_eq(glob(M2M_SOURCE_DIR "/internal/*/*.sql", 0, NULL, &files), 0);
	cr_assert_gt(files.gl_pathc, 0U);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		const char *text = text_of(files.gl_pathv[i]);
		PGresult *r = PQprepare(world_db(&w), "", text, 0, NULL);
		cr_expect_eq(PQresultStatus(r), PGRES_COMMAND_OK, "%s: %s", files.gl_pathv[i], PQresultErrorMessage(r));
		cr_expect_eq(strncmp(text, "-- ", 3), 0, "%s doesn't begin with what it is for", files.gl_pathv[i]);
		PQclear(r);
	}
	globfree(&files);
}
