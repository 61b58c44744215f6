#include "hashing/signature_queue.h"

#include <stdlib.h>

struct signature_queue {
	struct list waiting; /* of struct signature_question */
	struct event *turn_ends;
	bool works;
};

static struct signature_question *take(struct list *list)
{
	struct list *node = list_pop(list);
	return node == NULL ? NULL : LIST_OWNER(node, struct signature_question, node);
}

/* It is in no list any more, and its asker may free it. */
static void answer(struct signature_question *question, enum err err)
{
	signing_key_free(question->verification.key);
	question->done(question->arg, err);
}

static void verify_group(struct list *asked)
{
	struct signature_question *questions[VERIFY_GROUP_MAX];
	struct verification *group[VERIFY_GROUP_MAX];
	size_t n = 0;
	for (; n < VERIFY_GROUP_MAX && !list_empty(asked); n++) {
		questions[n] = take(asked);
		group[n] = &questions[n]->verification;
	}
	verify_together(group, n);
	for (size_t i = 0; i < n; i++)
		answer(questions[i], questions[i]->verification.err);
}

/* What is asked meanwhile waits for others of its kind. */
static void on_turn_ends(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct signature_queue *q = arg;
	struct list asked;
	list_init(&asked);
	for (struct list *node; (node = list_pop(&q->waiting)) != NULL;)
		list_append(&asked, node);
	while (!list_empty(&asked))
		verify_group(&asked);
}

struct signature_queue *signature_queue_new(struct event_base *base, enum signing_way allowed)
{
	struct signature_queue *q = calloc(1, sizeof *q);
	if (q == NULL)
		return NULL;
	list_init(&q->waiting);
	q->works = group_verifier_works(allowed);
	q->turn_ends = event_new(base, -1, 0, on_turn_ends, q);
	if (q->turn_ends == NULL) {
		free(q);
		return NULL;
	}
	return q;
}

void signature_queue_free(struct signature_queue *q)
{
	if (q == NULL)
		return;
	event_free(q->turn_ends);
	for (struct signature_question *question; (question = take(&q->waiting)) != NULL;)
		answer(question, ERR_SHUTTING_DOWN);
	free(q);
}

bool signature_ask(struct signature_queue *q, struct signature_question *question)
{
	if (!q->works || !group_verifier_takes(question->verification.key))
		return false;
	signing_key_hold(question->verification.key);
	if (list_empty(&q->waiting)) /* behind what is active in this turn already */
		event_active(q->turn_ends, EV_TIMEOUT, 0);
	list_append(&q->waiting, &question->node);
	return true;
}
