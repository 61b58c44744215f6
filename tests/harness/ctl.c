#include "harness/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/gateway.h"
#include "harness/proc.h"
#include "harness/require.h"

#define ARGS_MAX 64

static void take_text(const char *path, char *out, size_t cap)
{
	char *text = tmp_read(path, NULL);
	snprintf(out, cap, "%s", text == NULL ? "" : text);
	free(text);
}

static const char *ctl_path(char out[TMP_PATH])
{
	const char *plain = getenv("M2M_TEST_CTL");
	return plain == NULL ? program_path("m2mctl", out) : plain;
}

void ctl_start(const struct env *env, struct ctl_job *job, struct ctl_result *ret, const char *const *args)
{
	char program[TMP_PATH];
	const char *argv[ARGS_MAX] = {ctl_path(program)};
	unsigned n = 1;
	for (; args[n - 1] != NULL; n++) {
		require(n < ARGS_MAX - 1, "too many arguments");
		argv[n] = args[n - 1];
	}
	tmp_path(job->out_path, "ctl", ".out");
	tmp_path(ret->log, "ctl", ".log");
	job->pid = proc_start(&(struct proc_spec){.argv = argv, .env = env->list, .out_path = job->out_path, .err_path = ret->log});
}

int ctl_finish(struct ctl_job *job, struct ctl_result *ret)
{
	int status = proc_wait(job->pid, 60000);
	if (status == PROC_RUNNING)
		proc_kill(job->pid);
	take_text(job->out_path, ret->out, sizeof ret->out);
	take_text(ret->log, ret->err, sizeof ret->err);
	/* it may hold a secret, and what is left in the folder gets searched for some */
	unlink(job->out_path);
	require(status != PROC_RUNNING, "m2mctl did not end within 60 s");
	require_no_sanitizer_report(ret->log);
	return ret->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int ctl_run(const struct env *env, struct ctl_result *ret, const char *const *args)
{
	struct ctl_job job;
	ctl_start(env, &job, ret, args);
	return ctl_finish(&job, ret);
}

void ctl_value(const struct ctl_result *r, const char *name, char *out, size_t cap)
{
	size_t n = strlen(name);
	out[0] = '\0';
	for (const char *line = r->out; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, name, n) != 0 || line[n] != '=')
			continue;
		const char *value = line + n + 1;
		char quote = *value == '\'' || *value == '"' ? *value++ : '\n';
		const char stop[] = {quote, '\n', '\0'};
		snprintf(out, cap, "%.*s", (int)strcspn(value, stop), value);
	}
	require(out[0] != '\0', "m2mctl printed no %s:\n%s%s", name, r->out, r->err);
}
