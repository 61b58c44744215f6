/* One cluster per test program, got ready once by Criterion's runner, with a migrated database that
 * each test's own is a copy of. It is a copy itself, of the one in the folder M2M_TEST_CLUSTER: the
 * first program to find that folder empty makes it, and the others need neither initdb nor the
 * migrations. Without that variable a program makes its own.
 *
 * A program's first lines choose: SHARED_CLUSTER keeps it running for all tests; STOPPED_CLUSTER
 * stops it again and leaves its folder for tests that start (and kill) a copy of their own. */
#ifndef M2M_TESTS_HARNESS_SHARED_H
#define M2M_TESTS_HARNESS_SHARED_H

#include <criterion/criterion.h>
#include <stdbool.h>

#include "harness/env.h"
#include "harness/pg.h"

#define TEMPLATE_DATABASE "m2m_template"

struct cluster_choice;
/* `fill` makes what each test finds (world.h); NULL: nothing. */
void shared_prepare(const struct cluster_choice *choice, void (*fill)(void));
void shared_finish(bool keep_files);

/* In a test: the running cluster. Not to be stopped or crashed. */
void shared_cluster(struct pg *ret);
/* In a test: the folder of the stopped cluster, for pg_copy. */
const char *shared_cluster_dir(void);

/* The master keys of this program: a file with one key, k1. */
const char *shared_master_keys(void);

/* The settings of m2mctl for a database. */
void shared_ctl_env(const struct pg *pg, const char *database, struct env *ret);

struct cluster_choice {
	bool keep_running;
	const char *settings; /* further lines of postgresql.conf */
};
/* defined by each program, read by shared_hooks.c */
extern const struct cluster_choice cluster_choice;

#define SHARED_CLUSTER(lines) const struct cluster_choice cluster_choice = {.keep_running = true, .settings = (lines)}
#define STOPPED_CLUSTER       const struct cluster_choice cluster_choice = {.keep_running = false, .settings = ""}

#endif
