#include "harness/show_once.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SHOWERS 6

struct shower {
	pthread_t id;
	uint16_t port;
	bool backwards;
	show_once *show;
	char (*things)[TOKEN_MAX];
	unsigned n, said[SHOWN_OTHERWISE + 1];
	struct http_conn conn;
	struct http_reply reply;
};

static void *show_all(void *arg)
{
	struct shower *s = arg;
	cr_assert(http_open(&s->conn, s->port));
	for (unsigned i = 0; i < s->n; i++)
		s->said[s->show(&s->conn, s->things[s->backwards ? s->n - 1 - i : i], &s->reply)]++;
	http_close(&s->conn);
	return NULL;
}

/* Somebody else's requests with a secret, in the same batches. */
struct bystander {
	pthread_t id;
	uint16_t port;
	const struct org *org;
	unsigned harmed;
	atomic_bool stop;
};

static void *stand_by(void *arg)
{
	struct bystander *b = arg;
	struct http_reply *reply = malloc(sizeof *reply);
	while (!atomic_load(&b->stop))
		b->harmed += oauth_token(b->port, b->org->client_id, b->org->secret, reply) != 200;
	free(reply);
	return NULL;
}

void show_each_once(struct world *w, const struct gateway *second, const struct org *bystander, show_once *show, char (*things)[TOKEN_MAX],
		    unsigned n)
{
	static struct shower showers[SHOWERS];
	struct bystander other = {.port = w->gateway.http, .org = bystander};
	unsigned granted = 0, replayed = 0;
	cr_assert_eq(pthread_create(&other.id, NULL, stand_by, &other), 0);
	for (unsigned i = 0; i < SHOWERS; i++) {
		struct shower *s = &showers[i];
		*s = (struct shower){.port = i % 2 == 0 ? w->gateway.http : second->http,
				     .backwards = i >= SHOWERS / 2,
				     .show = show,
				     .things = things,
				     .n = n};
		cr_assert_eq(pthread_create(&s->id, NULL, show_all, s), 0);
	}
	for (unsigned i = 0; i < SHOWERS; i++) {
		pthread_join(showers[i].id, NULL);
		granted += showers[i].said[SHOWN_GRANTED];
		replayed += showers[i].said[SHOWN_REPLAYED];
		cr_expect_eq(showers[i].said[SHOWN_OTHERWISE], 0, "%s", showers[i].reply.body);
	}
	atomic_store(&other.stop, true);
	pthread_join(other.id, NULL);
	cr_expect_eq(granted, n, "each once: %u", granted);
	cr_expect_eq(replayed, (SHOWERS - 1) * n);
	cr_expect_eq(other.harmed, 0);
	cr_expect_eq(sql_int(world_db(w), "select deadlocks from pg_stat_database where datname = current_database()"), 0);
}
