/* Child processes: started with an environment of their own, awaited for a bounded time, ended
 * by their id. A child ends with the thread that started it (PR_SET_PDEATHSIG), so that nothing
 * is left running when a test fails or crashes: start children from a test's main thread. */
#ifndef M2M_TESTS_HARNESS_PROC_H
#define M2M_TESTS_HARNESS_PROC_H

#include <stdbool.h>
#include <sys/types.h>

struct proc_spec {
	const char *const *argv; /* NULL-terminated; argv[0] is searched in PATH */
	/* NULL-terminated "NAME=value", all that the child gets; NULL: PATH, LC_ALL and the
	 * clock (env.h) */
	const char *const *env;
	const char *out_path; /* appended to; NULL: /dev/null */
	const char *err_path; /* appended to; NULL: ours */
	/* as the user postgres if we are root, since PostgreSQL refuses to run as root */
	bool as_postgres;
};

pid_t proc_start(const struct proc_spec *spec);

#define PROC_RUNNING (-1)

/* waitpid's status, or PROC_RUNNING after `timeout_ms`. */
int proc_wait(pid_t pid, int timeout_ms);

/* SIGKILL, and waits. A pid of 0 is none. */
void proc_kill(pid_t pid);

/* Runs argv to its end with stderr as ours; requires exit code 0 within 60 s. */
void proc_run(const char *const *argv);
void proc_run_as_postgres(const char *const *argv);

/* The ids of the children of `pid`, now. */
unsigned proc_children(pid_t pid, pid_t *out, unsigned cap);

void sleep_ms(int ms);

#endif
