/* Jobs are queued, handed out and answered by the workers, under the pool's lock. A thread has a
 * slot: it waits on the slot's semaphore, makes the slot's job, puts it on the stack of those that
 * are done, and wakes the workers. The first one that comes takes them all. */
#include "hashing/hash_pool.h"

#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/siphash.h"
#include "crypto/digest.h"
#include "crypto/foreign_secret.h"

#define CUT_OFF_MAX 256

struct job {
	struct list node;  /* in queued, while it waits for a thread */
	struct job *below; /* in the stack of those that are done */
	struct list waiters;
	_Atomic int64_t until_us; /* the latest of its waiters' */
	size_t client_n, secret_n, n;
	char client_id[FOREIGN_MAX], secret[FOREIGN_MAX];
	size_t hash_n[FOREIGN_SECRETS_MAX];
	char hashes[FOREIGN_SECRETS_MAX][FOREIGN_HASH_MAX];
	enum err err;
	size_t which;
};

/* Who waits for a job's answer: in the job's list, then in its view's. */
struct waiter {
	struct list node;
	struct hash_view *view;
	hash_done *done;
	void *arg;
	enum err err;
	size_t which;
};
#define WAITER(node_) LIST_OWNER(node_, struct waiter, node)

struct slot {
	struct hash_pool *pool;
	pthread_t thread;
	bool started;
	sem_t go;
	struct job *job; /* the workers' to read; the thread reads it behind `go` */
};

struct hash_pool {
	pthread_mutex_t lock; /* the workers' */
	struct list queued, views;
	unsigned queued_n, waiters_n;
	struct slot slots[HASH_THREADS];
	_Atomic(struct job *) done;
	struct siphash_key key;                              /* of the marks */
	_Atomic uint64_t cut_off[CUT_OFF_MAX];               /* jobs, by their marks; relaxed */
	_Atomic uint64_t made[FOREIGN_FORMS][HASH_OUTCOMES]; /* relaxed */
	int fd;                                              /* readable: some are done */
	atomic_bool stopping;
};

struct hash_view {
	struct list node;
	struct hash_pool *pool;
	struct list answered; /* of struct waiter (lock) */
	int fd;               /* readable: some are answered */
	struct event *some_done, *woken;
};
#define VIEW(node_) LIST_OWNER(node_, struct hash_view, node)

static struct str client_of(const struct job *j)
{
	return str_from(j->client_id, j->client_n);
}

static struct str secret_of(const struct job *j)
{
	return str_from(j->secret, j->secret_n);
}

static void job_free(struct job *j)
{
	crypto_wipe(j->secret, sizeof j->secret);
	free(j);
}

static void count(struct hash_pool *p, struct str hash, enum hash_outcome outcome)
{
	atomic_fetch_add_explicit(&p->made[foreign_form_of(hash)][outcome], 1, memory_order_relaxed);
}

/* ---- a thread ---- */

/* Linux has a nice value for each thread. With 19 a thread has some hundredths of a core that a
 * worker wants too: at the idle policy nobody would ever be adopted on a machine that is busy
 * throughout. */
static void step_back(void)
{
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
}

/* A job's mark: of client and secret, but for the last byte, which is for one of its hashes. Where
 * a client's hashes cost more than there is time, the next job with the same secret goes on with
 * the hash that this one didn't come to. Any other begins with the first hash, the newest. */
static uint64_t mark_of(const struct hash_pool *p, const struct job *j)
{
	const struct siphash_key key = {p->key.k0 ^ siphash(p->key, j->client_id, j->client_n), p->key.k1};
	return siphash(key, j->secret, j->secret_n) & ~(uint64_t)0xff;
}

static size_t take_first(_Atomic uint64_t *cut_off, uint64_t mark, size_t n)
{
	uint64_t seen = atomic_load_explicit(cut_off, memory_order_relaxed);
	size_t first = (seen & 0xff) % n;
	if ((seen & ~(uint64_t)0xff) != mark)
		return 0;
	/* another one may have been cut off meanwhile */
	atomic_compare_exchange_strong_explicit(cut_off, &seen, 0, memory_order_relaxed, memory_order_relaxed);
	return first;
}

/* A hash that can't be told hides no other one that fits. */
static void make(struct hash_pool *p, struct job *j)
{
	uint64_t mark = mark_of(p, j);
	_Atomic uint64_t *cut_off = &p->cut_off[(mark >> 8) % CUT_OFF_MAX];
	size_t from = take_first(cut_off, mark, j->n);
	j->err = ERR_MISMATCH;
	for (size_t n = 0; n < j->n; n++) {
		size_t i = (from + n) % j->n;
		struct str hash = str_from(j->hashes[i], j->hash_n[i]);
		if (clock_mono_us() >= atomic_load(&j->until_us) || atomic_load(&p->stopping)) {
			atomic_store_explicit(cut_off, mark | i, memory_order_relaxed);
			count(p, hash, HASH_OVERLOADED);
			j->err = ERR_OVERLOADED;
			return;
		}
		enum err err = foreign_hash_verify(hash, secret_of(j));
		count(p, hash, err == ERR_OK ? HASH_MATCHED : err == ERR_MISMATCH ? HASH_WRONG : HASH_FAILED);
		j->which = i;
		if (err == ERR_MISMATCH)
			continue;
		j->err = err;
		if (err == ERR_OK)
			return;
	}
}

static void *run(void *arg)
{
	struct slot *slot = arg;
	struct hash_pool *p = slot->pool;
	step_back();
	for (;;) {
		while (sem_wait(&slot->go) != 0)
			; /* a signal's handler ran */
		if (atomic_load(&p->stopping))
			return NULL;
		struct job *j = slot->job;
		make(p, j);
		j->below = atomic_load(&p->done);
		while (!atomic_compare_exchange_weak(&p->done, &j->below, j))
			;
		(void)!eventfd_write(p->fd, 1);
	}
}

/* ---- under the lock ---- */

static bool is_busy(const struct hash_pool *p, struct str client_id)
{
	for (unsigned i = 0; i < HASH_THREADS; i++)
		if (p->slots[i].job != NULL && str_eq(client_of(p->slots[i].job), client_id))
			return true;
	return false;
}

/* The first whose client has no thread yet. */
static struct job *next_job(struct hash_pool *p)
{
	LIST_EACH (it, &p->queued) {
		struct job *j = LIST_OWNER(it, struct job, node);
		if (!is_busy(p, client_of(j)))
			return j;
	}
	return NULL;
}

static bool start(struct slot *slot)
{
	if (!slot->started)
		slot->started = pthread_create(&slot->thread, NULL, run, slot) == 0;
	return slot->started;
}

/* False: there is no thread to be had. */
static bool hand_out(struct hash_pool *p)
{
	bool any = false;
	for (unsigned i = 0; i < HASH_THREADS; i++) {
		struct slot *slot = &p->slots[i];
		struct job *j = slot->job == NULL ? next_job(p) : NULL;
		if (j != NULL && start(slot)) {
			list_remove(&j->node);
			p->queued_n--;
			slot->job = j;
			sem_post(&slot->go);
		}
		any = any || slot->started;
	}
	return any;
}

static void tell(struct hash_pool *p, struct job *j)
{
	for (struct list *node; (node = list_pop(&j->waiters)) != NULL;) {
		struct waiter *w = WAITER(node);
		w->err = j->err;
		w->which = j->which;
		p->waiters_n--;
		list_append(&w->view->answered, &w->node);
		(void)!eventfd_write(w->view->fd, 1);
	}
}

static void collect(struct hash_pool *p)
{
	struct job *below;
	for (struct job *j = atomic_exchange(&p->done, NULL); j != NULL; j = below) {
		below = j->below;
		for (unsigned i = 0; i < HASH_THREADS; i++)
			if (p->slots[i].job == j)
				p->slots[i].job = NULL;
		tell(p, j);
		job_free(j);
	}
	hand_out(p);
}

/* How many jobs the client has; *ret_same: the one with this secret, else untouched. */
static unsigned jobs_of(struct hash_pool *p, const struct hash_question *q, struct job **ret_same)
{
	unsigned n = 0;
	struct job *all[HASH_THREADS + HASH_QUEUE_MAX];
	unsigned all_n = 0;
	for (unsigned i = 0; i < HASH_THREADS; i++)
		if (p->slots[i].job != NULL)
			all[all_n++] = p->slots[i].job;
	LIST_EACH (it, &p->queued)
		all[all_n++] = LIST_OWNER(it, struct job, node);
	for (unsigned i = 0; i < all_n; i++) {
		if (!str_eq(client_of(all[i]), q->client_id))
			continue;
		n++;
		if (all[i]->secret_n == q->secret.n && crypto_equal(all[i]->secret, q->secret.p, q->secret.n))
			*ret_same = all[i];
	}
	return n;
}

static struct job *job_new(const struct hash_question *q)
{
	struct job *j = calloc(1, sizeof *j);
	if (j == NULL)
		return NULL;
	list_init(&j->node);
	list_init(&j->waiters);
	j->client_n = q->client_id.n;
	j->secret_n = q->secret.n;
	j->n = q->n;
	memcpy(j->client_id, q->client_id.p, q->client_id.n);
	memcpy(j->secret, q->secret.p, q->secret.n);
	for (size_t i = 0; i < q->n; i++) {
		j->hash_n[i] = q->hashes[i].n;
		memcpy(j->hashes[i], q->hashes[i].p, q->hashes[i].n);
	}
	return j;
}

static bool is_full(const struct hash_pool *p, unsigned clients)
{
	return p->queued_n >= HASH_QUEUE_MAX || clients >= HASH_CLIENT_MAX;
}

static enum err join(struct hash_pool *p, const struct hash_question *q, struct waiter *w)
{
	struct job *j = NULL;
	unsigned clients = jobs_of(p, q, &j);
	if (p->waiters_n >= HASH_ASKING_MAX || (j == NULL && is_full(p, clients)))
		return ERR_OVERLOADED;
	if (j == NULL) {
		j = job_new(q);
		if (j == NULL)
			return ERR_NO_MEMORY;
		list_append(&p->queued, &j->node);
		p->queued_n++;
	}
	if (q->until_us > atomic_load(&j->until_us))
		atomic_store(&j->until_us, q->until_us);
	list_append(&j->waiters, &w->node);
	p->waiters_n++;
	if (hand_out(p))
		return ERR_OK;
	list_remove(&w->node);
	p->waiters_n--;
	list_remove(&j->node);
	p->queued_n--;
	job_free(j);
	return ERR_OVERLOADED;
}

/* ---- a worker ---- */

static bool fits(const struct hash_question *q)
{
	for (size_t i = 0; i < q->n && i < FOREIGN_SECRETS_MAX; i++)
		if (q->hashes[i].n == 0 || q->hashes[i].n > FOREIGN_HASH_MAX)
			return false;
	return q->n >= 1 && q->n <= FOREIGN_SECRETS_MAX && q->client_id.n <= FOREIGN_MAX && q->secret.n <= FOREIGN_MAX;
}

enum err hash_ask(struct hash_view *v, const struct hash_question *q, hash_done *done, void *arg)
{
	struct waiter *w = fits(q) ? calloc(1, sizeof *w) : NULL;
	if (w == NULL)
		return fits(q) ? ERR_NO_MEMORY : ERR_INTERNAL;
	*w = (struct waiter){.view = v, .done = done, .arg = arg};
	list_init(&w->node);
	pthread_mutex_lock(&v->pool->lock);
	enum err err = join(v->pool, q, w);
	pthread_mutex_unlock(&v->pool->lock);
	if (err == ERR_OVERLOADED)
		count(v->pool, q->hashes[0], HASH_OVERLOADED);
	if (err != ERR_OK)
		free(w);
	return err;
}

bool hash_is_full(struct hash_view *v, struct str client_id)
{
	const struct hash_question q = {.client_id = client_id, .secret = STR("")};
	struct job *same = NULL;
	pthread_mutex_lock(&v->pool->lock);
	bool full = is_full(v->pool, jobs_of(v->pool, &q, &same));
	pthread_mutex_unlock(&v->pool->lock);
	return full;
}

void hash_pool_counts(struct hash_pool *p, struct hash_counts *ret)
{
	for (unsigned form = 0; form < FOREIGN_FORMS; form++)
		for (unsigned outcome = 0; outcome < HASH_OUTCOMES; outcome++)
			ret->made[form][outcome] = atomic_load_explicit(&p->made[form][outcome], memory_order_relaxed);
	pthread_mutex_lock(&p->lock);
	ret->queued = p->queued_n;
	pthread_mutex_unlock(&p->lock);
}

/* A callback may ask anew. */
static void finish(struct list *ended)
{
	for (struct list *node; (node = list_pop(ended)) != NULL;) {
		struct waiter w = *WAITER(node);
		free(WAITER(node));
		w.done(w.arg, w.err, w.which);
	}
}

static void move_all(struct list *from, struct list *to)
{
	for (struct list *node; (node = list_pop(from)) != NULL;)
		list_append(to, node);
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
	struct hash_view *v = arg;
	eventfd_t count;
	(void)what;
	(void)!eventfd_read(fd, &count); /* another worker may have come first */
	pthread_mutex_lock(&v->pool->lock);
	collect(v->pool);
	pthread_mutex_unlock(&v->pool->lock);
}

static void on_woken(evutil_socket_t fd, short what, void *arg)
{
	struct hash_view *v = arg;
	struct list ended;
	eventfd_t count;
	(void)what;
	list_init(&ended);
	(void)!eventfd_read(fd, &count);
	pthread_mutex_lock(&v->pool->lock);
	move_all(&v->answered, &ended);
	pthread_mutex_unlock(&v->pool->lock);
	finish(&ended);
}

/* ---- life ---- */

static void free_parts(struct hash_view *v)
{
	if (v->some_done != NULL)
		event_free(v->some_done);
	if (v->woken != NULL)
		event_free(v->woken);
	if (v->fd >= 0)
		close(v->fd);
	free(v);
}

struct hash_view *hash_view_new(struct hash_pool *p, struct event_base *base)
{
	struct hash_view *v = calloc(1, sizeof *v);
	if (v == NULL)
		return NULL;
	list_init(&v->node);
	list_init(&v->answered);
	v->pool = p;
	v->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	v->some_done = event_new(base, p->fd, EV_READ | EV_PERSIST, on_done, v);
	v->woken = v->fd < 0 ? NULL : event_new(base, v->fd, EV_READ | EV_PERSIST, on_woken, v);
	if (v->some_done == NULL || v->woken == NULL || event_add(v->some_done, NULL) != 0 || event_add(v->woken, NULL) != 0) {
		free_parts(v);
		return NULL;
	}
	pthread_mutex_lock(&p->lock);
	list_append(&p->views, &v->node);
	pthread_mutex_unlock(&p->lock);
	return v;
}

static void take_waiters(struct hash_view *v, struct job *j, struct list *ended)
{
	struct list *next;
	for (struct list *node = j->waiters.next; node != &j->waiters; node = next) {
		next = node->next;
		if (WAITER(node)->view != v)
			continue;
		list_remove(node);
		list_append(ended, node);
		v->pool->waiters_n--;
	}
}

void hash_view_free(struct hash_view *v)
{
	struct list ended;
	if (v == NULL)
		return;
	struct hash_pool *p = v->pool;
	list_init(&ended);
	pthread_mutex_lock(&p->lock);
	collect(p);
	list_remove(&v->node);
	move_all(&v->answered, &ended);
	for (unsigned i = 0; i < HASH_THREADS; i++)
		if (p->slots[i].job != NULL)
			take_waiters(v, p->slots[i].job, &ended);
	LIST_EACH (it, &p->queued)
		take_waiters(v, LIST_OWNER(it, struct job, node), &ended);
	pthread_mutex_unlock(&p->lock);
	LIST_EACH (it, &ended)
		WAITER(it)->err = ERR_SHUTTING_DOWN;
	finish(&ended);
	free_parts(v);
}

enum err hash_pool_open(struct hash_pool **ret)
{
	struct hash_pool *p = calloc(1, sizeof *p);
	if (p == NULL)
		return ERR_NO_MEMORY;
	p->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	enum err err = p->fd < 0 ? ERR_IO : crypto_random(&p->key, sizeof p->key);
	if (err != ERR_OK) {
		if (p->fd >= 0)
			close(p->fd);
		free(p);
		return err;
	}
	pthread_mutex_init(&p->lock, NULL);
	list_init(&p->queued);
	list_init(&p->views);
	for (unsigned i = 0; i < HASH_THREADS; i++) {
		p->slots[i].pool = p;
		sem_init(&p->slots[i].go, 0, 0);
	}
	*ret = p;
	return ERR_OK;
}

static void end_threads(struct hash_pool *p)
{
	atomic_store(&p->stopping, true);
	for (unsigned i = 0; i < HASH_THREADS; i++)
		if (p->slots[i].started)
			sem_post(&p->slots[i].go);
	for (unsigned i = 0; i < HASH_THREADS; i++)
		if (p->slots[i].started)
			pthread_join(p->slots[i].thread, NULL);
}

void hash_pool_close(struct hash_pool *p)
{
	if (p == NULL)
		return;
	end_threads(p);
	for (unsigned i = 0; i < HASH_THREADS; i++) {
		if (p->slots[i].job != NULL)
			job_free(p->slots[i].job);
		sem_destroy(&p->slots[i].go);
	}
	for (struct list *node; (node = list_pop(&p->queued)) != NULL;) {
		assert(p->queued.next != node); /* which clang's analyzer doesn't see */
		job_free(LIST_OWNER(node, struct job, node));
	}
	pthread_mutex_destroy(&p->lock);
	close(p->fd);
	free(p);
}
