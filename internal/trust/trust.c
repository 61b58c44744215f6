/* The life of struct trust. */
#include "trust/trust.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "trust/trust_parts.h"

enum err trust_open(const struct config *config, struct trust **ret, struct sbuf *why)
{
	struct trust *t = calloc(1, sizeof *t);
	if (t == NULL)
		return ERR_NO_MEMORY;
	t->config = config;
	list_init(&t->views);
	pthread_mutex_init(&t->lock, NULL);
	enum err err = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? ERR_OK : ERR_NO_MEMORY;
	if (err == ERR_OK && config->trusted_issuers.p != NULL)
		err = issuer_list_parse(config->trusted_issuers, config->issuer, &t->list, why);
	if (err == ERR_OK && t->list != NULL) {
		t->n = t->list->n;
		t->sources = calloc(t->n + 1, sizeof(struct source *));
		err = t->sources == NULL ? ERR_NO_MEMORY : ERR_OK;
		for (size_t i = 0; err == ERR_OK && i < t->n; i++)
			if ((t->sources[i] = source_new(&t->list->entries[i])) == NULL)
				err = ERR_NO_MEMORY;
	}
	if (err == ERR_OK && (t->snapshot = snapshot_new(0, NULL, NULL, 0)) == NULL)
		err = ERR_NO_MEMORY;
	if (err != ERR_OK) {
		trust_close(t);
		return err;
	}
	*ret = t;
	return ERR_OK;
}

/* Signals are the main thread's. */
static enum err start_thread(struct trust *t)
{
	sigset_t all;
	sigset_t before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&t->thread, NULL, keeper_run, t);
	t->running = error == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return t->running ? ERR_OK : ERR_OVERLOADED;
}

enum err trust_start(struct trust *t)
{
	if (t->list == NULL)
		return ERR_OK;
	t->multi = curl_multi_init();
	if (t->multi == NULL)
		return ERR_NO_MEMORY;
	t->changed = true;
	keeper_look(t); /* before the first request: what stands in files is known at once */
	return start_thread(t);
}

bool trust_look_now(struct trust *t)
{
	if (!t->running)
		return false;
	atomic_store_explicit(&t->look, true, memory_order_relaxed);
	curl_multi_wakeup(t->multi);
	return true;
}

void trust_close(struct trust *t)
{
	if (t == NULL)
		return;
	if (t->running) {
		atomic_store_explicit(&t->stopping, true, memory_order_relaxed);
		curl_multi_wakeup(t->multi);
		pthread_join(t->thread, NULL);
	}
	for (size_t i = 0; t->sources != NULL && i < t->n; i++)
		source_free(t->sources[i]);
	free(t->sources);
	issuer_list_free(t->list);
	snapshot_drop(t->snapshot);
	curl_multi_cleanup(t->multi);
	curl_global_cleanup();
	pthread_mutex_destroy(&t->lock);
	free(t);
}
