#include "signals.h"

#include <stddef.h>

static const int ending[] = {SIGTERM, SIGINT, SIGQUIT, SIGXCPU};

/* SIGPIPE and SIGXFSZ come of writing, whose caller sees the error; SIGTTIN and SIGTTOU would
 * stop a daemon that was started in the background of a terminal. */
static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGTTIN, SIGTTOU};

#define COUNT(list) (sizeof(list) / sizeof *(list))

void signals_settle(sigset_t *ret_taken)
{
	sigemptyset(ret_taken);
	sigaddset(ret_taken, SIGHUP);
	for (size_t i = 0; i < COUNT(ending); i++)
		sigaddset(ret_taken, ending[i]);
	pthread_sigmask(SIG_BLOCK, ret_taken, NULL);
	for (size_t i = 0; i < COUNT(ignored); i++)
		signal(ignored[i], SIG_IGN);
	for (int n = SIGRTMIN; n <= SIGRTMAX; n++)
		signal(n, SIG_IGN);
}

void signals_end_at_once(void)
{
	sigset_t taken;
	sigemptyset(&taken);
	sigaddset(&taken, SIGHUP);
	signal(SIGHUP, SIG_IGN);
	for (size_t i = 0; i < COUNT(ending); i++) {
		sigaddset(&taken, ending[i]);
		/* SIGQUIT and SIGXCPU would leave a core, with keys in it */
		if (ending[i] == SIGQUIT || ending[i] == SIGXCPU)
			signal(ending[i], SIG_IGN);
	}
	pthread_sigmask(SIG_UNBLOCK, &taken, NULL);
}
