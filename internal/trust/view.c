/* One worker's view: the snapshot that it looks at, the keys of it that were needed so far,
 * parsed for its thread, and who waits for keys. The keeper wakes it through an eventfd in its
 * loop. */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/list.h"
#include "trust/trust_parts.h"

#define WAITERS_MAX 1024

struct key_set {
	uint64_t version; /* 0: none */
	struct jwks *set;
};

struct waiter {
	struct waiter *next;
	char *issuer;
	trust_done *done;
	void *arg;
};

struct trust_view {
	struct list node; /* in trust.views */
	struct trust *trust;
	struct snapshot *snapshot;
	struct key_set sets[ISSUERS_MAX]; /* of the snapshot's entries */
	struct waiter *waiting;
	unsigned waiters;
	int fd;
	struct event *woken;
};

struct trust_view *view_of(struct list *node)
{
	return LIST_OWNER(node, struct trust_view, node);
}

void view_wake(struct trust_view *v)
{
	/* it can't be full: the worker takes all at once */
	(void)!eventfd_write(v->fd, 1);
}

/* ---- who waits ---- */

/* Ends the wait of each. A callback may wait anew. */
static void finish(struct trust_view *v, struct waiter *w, enum err err)
{
	while (w != NULL) {
		struct waiter ended = *w;
		free(w->issuer);
		free(w);
		v->waiters--;
		ended.done(ended.arg, err);
		w = ended.next;
	}
}

static void on_woken(evutil_socket_t fd, short what, void *arg)
{
	struct trust_view *v = arg;
	struct waiter *rest = v->waiting;
	struct waiter *ready = NULL;
	eventfd_t count;
	(void)what;
	(void)!eventfd_read(fd, &count);
	v->waiting = NULL;
	for (struct waiter *w; (w = rest) != NULL;) {
		struct waiter **list = trust_is_busy(v->trust, str_of(w->issuer)) ? &v->waiting : &ready;
		rest = w->next;
		w->next = *list;
		*list = w;
	}
	finish(v, ready, ERR_OK);
}

enum err trust_wait(struct trust_view *v, const struct trust_issuer *issuer, trust_done *done, void *arg)
{
	struct waiter *w = v->waiters < WAITERS_MAX ? calloc(1, sizeof *w) : NULL;
	if (w == NULL || (w->issuer = strndup(issuer->issuer.p, issuer->issuer.n)) == NULL) {
		free(w);
		return ERR_OVERLOADED;
	}
	w->done = done;
	w->arg = arg;
	v->waiters++;
	w->next = v->waiting;
	v->waiting = w;
	/* it may have ended between the question and this */
	if (!trust_is_busy(v->trust, issuer->issuer))
		view_wake(v);
	return ERR_OK;
}

/* ---- life ---- */

/* Of a view that nobody knows of and nobody waits in. */
static void free_parts(struct trust_view *v)
{
	for (size_t i = 0; i < ISSUERS_MAX; i++)
		jwks_free(v->sets[i].set);
	snapshot_drop(v->snapshot);
	if (v->woken != NULL)
		event_free(v->woken);
	if (v->fd >= 0)
		close(v->fd);
	free(v);
}

struct trust_view *trust_view_new(struct trust *t, struct event_base *base)
{
	struct trust_view *v = calloc(1, sizeof *v);
	if (v == NULL)
		return NULL;
	list_init(&v->node);
	v->trust = t;
	v->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	v->woken = v->fd < 0 ? NULL : event_new(base, v->fd, EV_READ | EV_PERSIST, on_woken, v);
	if (v->woken == NULL || event_add(v->woken, NULL) != 0) {
		free_parts(v);
		return NULL;
	}
	pthread_mutex_lock(&t->lock);
	v->snapshot = snapshot_hold(t->snapshot);
	list_append(&t->views, &v->node);
	pthread_mutex_unlock(&t->lock);
	return v;
}

void trust_view_free(struct trust_view *v)
{
	if (v == NULL)
		return;
	pthread_mutex_lock(&v->trust->lock);
	list_remove(&v->node);
	pthread_mutex_unlock(&v->trust->lock);
	struct waiter *all = v->waiting;
	v->waiting = NULL;
	finish(v, all, ERR_ISSUER_UNAVAILABLE);
	free_parts(v);
}

/* ---- looking ---- */

/* Sets that stay the same are not parsed again. */
static void move_to(struct trust_view *v, struct snapshot *fresh)
{
	struct key_set kept[ISSUERS_MAX] = {{0}};
	for (size_t i = 0; i < fresh->n; i++)
		for (size_t j = 0; j < v->snapshot->n; j++)
			if (v->sets[j].set != NULL && v->sets[j].version == fresh->keys[i].version) {
				kept[i] = v->sets[j];
				v->sets[j].set = NULL;
			}
	for (size_t j = 0; j < ISSUERS_MAX; j++)
		jwks_free(v->sets[j].set);
	memcpy(v->sets, kept, sizeof kept);
	snapshot_drop(v->snapshot);
	v->snapshot = fresh;
}

static const struct snapshot *present(struct trust_view *v)
{
	if (atomic_load_explicit(&v->trust->generation, memory_order_acquire) != v->snapshot->generation)
		move_to(v, trust_snapshot(v->trust));
	return v->snapshot;
}

const struct trust_issuer *trust_find_issuer(struct trust_view *v, struct str iss, struct str tid)
{
	const struct snapshot *s = present(v);
	const struct issuer_entry *entry = issuer_find(s->entries, s->n, iss, tid);
	return entry == NULL ? NULL : &entry->issuer;
}

const struct trust_issuer *trust_find_spiffe(struct trust_view *v, struct str sub)
{
	const struct snapshot *s = present(v);
	const struct issuer_entry *entry = issuer_find_spiffe(s->entries, s->n, sub);
	return entry == NULL ? NULL : &entry->issuer;
}

bool trust_has_workloads(struct trust_view *v)
{
	const struct snapshot *s = present(v);
	for (size_t i = 0; i < s->n; i++)
		if (s->entries[i].issuer.workloads)
			return true;
	return false;
}

/* The issuer's keys, parsed for this thread. NULL: there are none. */
static struct jwks *set_of(struct trust_view *v, const struct trust_issuer *issuer)
{
	const struct issuer_entry *entry = (const struct issuer_entry *)(const void *)issuer;
	size_t i = (size_t)(entry - v->snapshot->entries);
	const struct key_text *keys = &v->snapshot->keys[i];
	struct key_set *s = &v->sets[i];
	if (s->set == NULL && keys->text.p != NULL && jwks_parse(keys->text, &s->set, NULL) == ERR_OK)
		s->version = keys->version;
	return s->set;
}

enum err trust_ask_anew(struct trust_view *v, const struct trust_issuer *issuer)
{
	return trust_ask(v->trust, issuer->issuer, v->snapshot->generation);
}

enum err trust_find_key(struct trust_view *v, const struct trust_issuer *issuer, struct str kid, struct signing_key **ret)
{
	struct jwks *set = set_of(v, issuer);
	struct signing_key *key = set == NULL ? NULL : jwks_find(set, kid);
	if (key == NULL)
		return trust_ask_anew(v, issuer);
	*ret = key;
	return ERR_OK;
}

enum err trust_find_keys_of(struct trust_view *v, const struct trust_issuer *issuer, enum jwt_alg alg,
			    struct signing_key *ret[TRUST_KEYS_MAX], size_t *ret_n)
{
	struct jwks *set = set_of(v, issuer);
	size_t n = set == NULL ? 0 : jwks_of_alg(set, alg, ret, TRUST_KEYS_MAX);
	if (n == 0)
		return trust_ask_anew(v, issuer);
	if (n > TRUST_KEYS_MAX)
		return ERR_TOO_LARGE;
	*ret_n = n;
	return ERR_OK;
}
