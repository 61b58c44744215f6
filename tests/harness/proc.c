#include "harness/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/env.h"
#include "harness/require.h"

/* A plain environment, where the child has none of its own, with the clock that tests/run may
 * have set. */
static const char *const *plain_env(void)
{
	static struct env env;
	env.n = 0;
	env_set(&env, "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
	env_set(&env, "LC_ALL=C.UTF-8");
	env_set_clock(&env);
	return env.list;
}

static void open_as(int fd, const char *path, int flags)
{
	int opened = open(path, flags, 0644);
	if (opened < 0 || dup2(opened, fd) < 0)
		_exit(126);
}

/* Between fork and exec: async-signal-safe calls only. */
static _Noreturn void become(const struct proc_spec *spec, const struct passwd *user, pid_t parent)
{
	open_as(0, "/dev/null", O_RDONLY);
	open_as(1, spec->out_path == NULL ? "/dev/null" : spec->out_path, O_WRONLY | O_CREAT | O_APPEND);
	if (spec->err_path != NULL)
		open_as(2, spec->err_path, O_WRONLY | O_CREAT | O_APPEND);
	if (user != NULL && (setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
		_exit(126);
	/* After the change of user, which clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(126);
	close_range(3, ~0U, 0); /* Criterion's own pipes among them */
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvpe(spec->argv[0], (char *const *)spec->argv, (char *const *)spec->env);
	_exit(127);
}

pid_t proc_start(const struct proc_spec *given)
{
	struct proc_spec full = *given;
	const struct proc_spec *spec = &full;
	if (full.env == NULL)
		full.env = plain_env();
	const struct passwd *user = NULL;
	if (spec->as_postgres && getuid() == 0) {
		user = getpwnam("postgres");
		require(user != NULL, "there is no user postgres to run PostgreSQL as");
	}
	pid_t parent = getpid();
	pid_t pid = fork();
	require(pid >= 0, "fork failed");
	if (pid == 0)
		become(spec, user, parent);
	return pid;
}

int proc_wait(pid_t pid, int timeout_ms)
{
	int64_t deadline = clock_mono_us() + (int64_t)timeout_ms * 1000;
	for (;;) {
		int status;
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		if (clock_mono_us() >= deadline)
			return PROC_RUNNING;
		sleep_ms(5);
	}
}

void proc_kill(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void run(const struct proc_spec *spec)
{
	pid_t pid = proc_start(spec);
	int status = proc_wait(pid, 60000);
	if (status == PROC_RUNNING)
		proc_kill(pid);
	require(status == 0, "%s ended with status %d", spec->argv[0], status);
}

void proc_run(const char *const *argv)
{
	run(&(struct proc_spec){.argv = argv});
}

void proc_run_as_postgres(const char *const *argv)
{
	run(&(struct proc_spec){.argv = argv, .as_postgres = true});
}

static pid_t parent_of(const char *pid)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return 0;
	int parent = 0;
	/* PostgreSQL's own command names hold neither ')' nor a newline. */
	if (fscanf(file, "%*d (%*[^)]) %*c %d", &parent) != 1)
		parent = 0;
	fclose(file);
	return parent;
}

unsigned proc_children(pid_t pid, pid_t *out, unsigned cap)
{
	unsigned n = 0;
	DIR *dir = opendir("/proc");
	require(dir != NULL, "no /proc");
	for (struct dirent *entry; n < cap && (entry = readdir(dir)) != NULL;) {
		long id = strtol(entry->d_name, NULL, 10);
		if (id > 0 && parent_of(entry->d_name) == pid)
			out[n++] = (pid_t)id;
	}
	closedir(dir);
	return n;
}

void sleep_ms(int ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}
