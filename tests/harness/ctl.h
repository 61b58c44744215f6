/* m2mctl, run to its end: M2M_TEST_CTL where that is set (shared.c), else that of M2M_TEST_BIN. */
#ifndef M2M_TESTS_HARNESS_CTL_H
#define M2M_TESTS_HARNESS_CTL_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/env.h"
#include "harness/tmp.h"

struct ctl_result {
	int exit_code;
	char out[65536];    /* standard output */
	char err[8192];     /* standard error */
	char log[TMP_PATH]; /* the file that standard error went to */
};

/* `args` is NULL-terminated and doesn't hold the program's name. Returns the exit code. */
int ctl_run(const struct env *env, struct ctl_result *ret, const char *const *args);

/* ctl(&env, &result, "org", "create", "acme") */
#define ctl(env, ret, ...) ctl_run(env, ret, (const char *const[]){__VA_ARGS__, NULL})

/* The value of a NAME=value line of --output env, in `out`. Requires it to be there. */
void ctl_value(const struct ctl_result *r, const char *name, char *out, size_t cap);

/* Starts without waiting: for two at once. ctl_finish takes its answer. */
struct ctl_job {
	int pid;
	char out_path[TMP_PATH];
};
void ctl_start(const struct env *env, struct ctl_job *job, struct ctl_result *ret, const char *const *args);
int ctl_finish(struct ctl_job *job, struct ctl_result *ret);

#endif
