#include "hashing/key_maker.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define KEY_MEMORY (1 << 16)

struct key_maker {
	struct event *made;
	int fd;
	pthread_t thread;
	bool busy;
	/* the thread's, from the question to the join */
	enum jwt_alg alg;
	const struct master_ring *ring;
	struct arena *a;
	struct made_key key;
	enum err err;
	/* the loop's */
	key_made *done;
	void *arg;
};

static enum err make(struct key_maker *m)
{
	struct signing_key *key = NULL;
	struct sbuf jwk = sbuf_in(m->a, 1024);
	enum err err = signing_key_generate(m->alg, &key);
	if (err == ERR_OK)
		err = signing_key_public_jwk(key, &jwk);
	if (err == ERR_OK)
		err = wrapped_key_make(m->a, &m->ring->keys[0], key, &m->key.wrapped);
	if (err == ERR_OK) {
		m->key.kid = arena_copy(m->a, signing_key_kid(key));
		m->key.alg = str_of(jwt_alg_name(m->alg));
		m->key.public_jwk = sbuf_str(&jwk);
		m->key.master_key_id = str_of(m->ring->keys[0].key_id);
		err = arena_overflowed(m->a) ? ERR_NO_MEMORY : ERR_OK;
	}
	signing_key_free(key);
	return err;
}

static void *run(void *arg)
{
	struct key_maker *m = arg;
	uint64_t one = 1;
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
	m->err = make(m);
	ssize_t written = write(m->fd, &one, sizeof one);
	(void)written; /* an eventfd takes one increment always */
	return NULL;
}

static void answer(struct key_maker *m, enum err err)
{
	struct arena *a = m->a;
	key_made *done = m->done;
	struct made_key key = m->key;
	m->busy = false;
	m->a = NULL;
	done(m->arg, err, err == ERR_OK ? &key : NULL);
	arena_free(a);
}

static void on_made(evutil_socket_t fd, short what, void *arg)
{
	struct key_maker *m = arg;
	uint64_t count;
	(void)what;
	if (read(fd, &count, sizeof count) != sizeof count || !m->busy)
		return;
	pthread_join(m->thread, NULL);
	answer(m, m->err);
}

struct key_maker *key_maker_new(struct event_base *base)
{
	struct key_maker *m = calloc(1, sizeof *m);
	if (m == NULL)
		return NULL;
	m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	m->made = m->fd < 0 ? NULL : event_new(base, m->fd, EV_READ | EV_PERSIST, on_made, m);
	if (m->made == NULL || event_add(m->made, NULL) != 0) {
		key_maker_free(m);
		return NULL;
	}
	return m;
}

void key_maker_free(struct key_maker *m)
{
	if (m == NULL)
		return;
	if (m->busy) {
		pthread_join(m->thread, NULL);
		answer(m, ERR_SHUTTING_DOWN);
	}
	if (m->made != NULL)
		event_free(m->made);
	if (m->fd >= 0)
		close(m->fd);
	free(m);
}

enum err key_maker_ask(struct key_maker *m, enum jwt_alg alg, const struct master_ring *ring, key_made *done, void *arg)
{
	if (m->busy)
		return ERR_OVERLOADED;
	m->a = arena_new(KEY_MEMORY);
	if (m->a == NULL)
		return ERR_NO_MEMORY;
	arena_wipe_on_free(m->a);
	m->alg = alg;
	m->ring = ring;
	m->key = (struct made_key){.kid = STR_NONE};
	m->done = done;
	m->arg = arg;
	if (pthread_create(&m->thread, NULL, run, m) != 0) {
		arena_free(m->a);
		return ERR_OVERLOADED;
	}
	m->busy = true;
	return ERR_OK;
}
