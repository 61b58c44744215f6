/* The one thread that reads files and speaks HTTPS: look at the files -> start what is due ->
 * drive what is under way -> publish what is new -> wait. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/starved.h"
#include "trust/trust_parts.h"

#define LOOK_US 1000000
#define WAIT_MS 1000

/* ---- the list ---- */

static struct source *serving(const struct trust *t, const struct issuer_entry *entry)
{
	for (size_t i = 0; i < t->n; i++)
		if (source_serves(t->sources[i], entry))
			return t->sources[i];
	return NULL;
}

/* NULL: out of memory, and nothing has changed. */
static struct source **sources_of(const struct trust *t, const struct issuer_list *list)
{
	struct source **fresh = calloc(list->n + 1, sizeof(struct source *));
	bool complete = fresh != NULL;
	for (size_t i = 0; complete && i < list->n; i++) {
		struct source *s = serving(t, &list->entries[i]);
		fresh[i] = s != NULL ? s : source_new(&list->entries[i]);
		complete = fresh[i] != NULL;
	}
	if (complete)
		return fresh;
	for (size_t i = 0; fresh != NULL && i < list->n; i++)
		if (fresh[i] != NULL && fresh[i]->entry == &list->entries[i])
			source_free(fresh[i]);
	free(fresh);
	return NULL;
}

/* Sources that serve the new list too go on with their keys and what they have under way. */
static bool replace_list(struct trust *t, struct issuer_list *list)
{
	struct source **fresh = sources_of(t, list);
	if (fresh == NULL)
		return false;
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->n; i++) {
		size_t j = 0;
		while (j < list->n && fresh[j] != t->sources[i])
			j++;
		if (j == list->n)
			source_free(t->sources[i]);
	}
	for (size_t j = 0; j < list->n; j++)
		fresh[j]->entry = &list->entries[j];
	free(t->sources);
	issuer_list_free(t->list);
	t->sources = fresh;
	t->n = list->n;
	t->list = list;
	t->changed = true;
	pthread_mutex_unlock(&t->lock);
	return true;
}

/* False: there is no memory for it now. */
static bool take_list(struct trust *t, struct str text)
{
	char faults[2048];
	struct sbuf why = sbuf_fixed(faults, sizeof faults);
	struct issuer_list *list = NULL;
	unsigned long starved = starved_count();
	enum err err = starved_err(issuer_list_parse(text, t->config->issuer, &list, &why), starved);
	if (err == ERR_OK && replace_list(t, list)) {
		log_message(LOG_INFO, "trusted_issuers_loaded", "%zu issuers", list->n);
		return true;
	}
	issuer_list_free(list);
	if (err != ERR_OK && err != ERR_NO_MEMORY)
		log_message(LOG_ERROR, "trusted_issuers_unusable", "the issuers stay as they were: %s", faults);
	return err != ERR_OK && err != ERR_NO_MEMORY;
}

static void look_at_list(struct trust *t)
{
	uint8_t digest[SHA256_LEN];
	if (t->config->trusted_issuers_path.p == NULL)
		return;
	struct str text = file_read(t->config->trusted_issuers_path, ISSUERS_TEXT_MAX);
	if (text.p == NULL) {
		memset(digest, 0, sizeof digest);
		if (memcmp(digest, t->list_seen, sizeof digest) != 0)
			log_message(LOG_ERROR, "trusted_issuers_unusable", "the issuers stay as they were: %s", strerror(errno));
		memcpy(t->list_seen, digest, sizeof digest);
		return;
	}
	if (sha256(text.p, text.n, digest) == ERR_OK && (t->list_again || memcmp(digest, t->list_seen, sizeof digest) != 0)) {
		memcpy(t->list_seen, digest, sizeof digest);
		t->list_again = !take_list(t, text);
	}
	free((char *)text.p);
}

/* ---- publishing ---- */

/* Whoever waits for keys looks again. Without memory the snapshot before stays, and this is
 * tried again. */
static void publish(struct trust *t)
{
	struct key_text keys[ISSUERS_MAX];
	uint64_t generation = atomic_load_explicit(&t->generation, memory_order_relaxed) + 1;
	for (size_t i = 0; i < t->n; i++)
		keys[i] = t->sources[i]->keys;
	struct snapshot *fresh = snapshot_new(generation, t->list == NULL ? NULL : t->list->entries, keys, t->n);
	if (fresh == NULL)
		return;
	pthread_mutex_lock(&t->lock);
	struct snapshot *before = t->snapshot;
	t->snapshot = fresh;
	atomic_store_explicit(&t->generation, generation, memory_order_release);
	pthread_mutex_unlock(&t->lock);
	snapshot_drop(before);
	t->changed = false;
}

static void wake_views(struct trust *t)
{
	pthread_mutex_lock(&t->lock);
	LIST_EACH (node, &t->views)
		view_wake(view_of(node));
	pthread_mutex_unlock(&t->lock);
}

static void note_taken(struct trust *t, bool taken)
{
	t->versions += taken;
	t->changed = t->changed || taken;
}

void keeper_look(struct trust *t)
{
	t->next_look_us = clock_mono_us() + LOOK_US;
	look_at_list(t);
	for (size_t i = 0; i < t->n; i++)
		note_taken(t, source_look(t->sources[i], t->versions + 1));
	if (t->changed) {
		publish(t);
		wake_views(t);
	}
}

/* ---- fetching ---- */

static void begin_fetches(struct trust *t)
{
	int64_t now = clock_mono_us();
	bool failed = false;
	for (size_t i = 0; i < t->n; i++) {
		if (!source_is_due(t->sources[i], now))
			continue;
		source_begin(t->sources[i], t->multi, now);
		failed = failed || t->sources[i]->fetch == NULL;
	}
	if (failed)
		wake_views(t);
}

static struct source *source_of(struct trust *t, const struct fetch *f)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->sources[i]->fetch == f)
			return t->sources[i];
	return NULL;
}

static void end_fetches(struct trust *t)
{
	int left = 0;
	for (CURLMsg *m; (m = curl_multi_info_read(t->multi, &left)) != NULL;) {
		struct fetch *f = m->msg == CURLMSG_DONE ? fetch_of(m->easy_handle) : NULL;
		if (f == NULL || !fetch_ended(f, m->data.result))
			continue;
		struct source *s = source_of(t, f);
		if (s == NULL || source_goes_on(s, t->multi))
			continue;
		note_taken(t, source_end(s, t->versions + 1, clock_mono_us()));
		if (t->changed)
			publish(t);
		s->busy = false;
		wake_views(t);
	}
}

void *keeper_run(void *trust)
{
	struct trust *t = trust;
	while (!atomic_load_explicit(&t->stopping, memory_order_relaxed)) {
		int running = 0;
		if (atomic_exchange_explicit(&t->look, false, memory_order_relaxed) || clock_mono_us() >= t->next_look_us)
			keeper_look(t);
		begin_fetches(t);
		curl_multi_perform(t->multi, &running);
		end_fetches(t);
		curl_multi_poll(t->multi, NULL, 0, WAIT_MS, NULL);
	}
	return NULL;
}
