/* cpu_time FILE COMMAND...: runs the command and writes into FILE how many seconds of CPU time it
 * took, with all that it started. A daemon whose parent has ended becomes this program's child, and
 * so it is counted too (PR_SET_CHILD_SUBREAPER). One that is still running isn't. Ends as the
 * command did. */
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static void write_time(const char *path)
{
	struct rusage sum;
	getrusage(RUSAGE_CHILDREN, &sum);
	FILE *file = fopen(path, "we");
	if (file == NULL)
		return;
	fprintf(file, "%.1f\n", seconds(&sum.ru_utime) + seconds(&sum.ru_stime));
	fclose(file);
}

/* Waits for every child that ends, until `command` has. */
static int reap(pid_t command)
{
	int status = 0;
	pid_t ended;
	do {
		ended = waitpid(-1, &status, 0);
	} while (ended > 0 && ended != command);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	if (argc < 3 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
		fputs("usage: cpu_time FILE COMMAND...\n", stderr);
		return 2;
	}
	pid_t command = fork();
	if (command == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	int status = command < 0 ? 126 : reap(command);
	write_time(argv[1]);
	return status;
}
