/* cpu_time FILE COMMAND...: runs the command and writes into FILE how many seconds of CPU time it
 * took, with all that it started. A daemon whose parent has ended becomes this program's child, and
 * so it is counted too (PR_SET_CHILD_SUBREAPER). One that is still running isn't. Hands SIGTERM,
 * SIGINT and SIGHUP on to the command, whose group may be its own, and ends as it did. */
#include <signal.h>
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

static volatile pid_t command;

static void hand_on(int signal)
{
	kill(command, signal);
}

/* Waits for every child that ends, until the command has. */
static int reap(void)
{
	int status = 0;
	pid_t ended;
	do {
		ended = waitpid(-1, &status, 0);
	} while (ended > 0 && ended != command);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	if (ended < 0)
		return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The command, once signals can be handed on to it. */
static void start(char **argv)
{
	const struct sigaction on = {.sa_handler = hand_on, .sa_flags = SA_RESTART};
	sigset_t handed, before;
	sigemptyset(&handed);
	sigaddset(&handed, SIGTERM);
	sigaddset(&handed, SIGINT);
	sigaddset(&handed, SIGHUP);
	signal(SIGCHLD, SIG_DFL); /* else nobody could be waited for */
	sigprocmask(SIG_BLOCK, &handed, &before);
	command = fork();
	if (command != 0) {
		sigaction(SIGTERM, &on, NULL);
		sigaction(SIGINT, &on, NULL);
		sigaction(SIGHUP, &on, NULL);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (command == 0) {
		execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
}

int main(int argc, char **argv)
{
	if (argc < 3 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
		fputs("usage: cpu_time FILE COMMAND...\n", stderr);
		return 2;
	}
	start(argv + 2);
	int status = command < 0 ? 126 : reap();
	write_time(argv[1]);
	return status;
}
