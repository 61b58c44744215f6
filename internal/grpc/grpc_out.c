#include "grpc/grpc_out.h"

#define MESSAGE(node_) LIST_OWNER(node_, struct grpc_message, node)

static void drop_ref(struct grpc_message *m)
{
	if (--m->refs == 0)
		m->release(m->owner);
}

static void piece_sent(const void *data, size_t n, void *message)
{
	(void)data, (void)n;
	drop_ref(message);
}

void grpc_out_init(struct grpc_out *out)
{
	list_init(&out->messages);
	out->n = 0;
}

void grpc_out_add(struct grpc_out *out, struct grpc_message *m, struct str bytes, void (*release)(void *owner), void *owner)
{
	*m = (struct grpc_message){.refs = 1, .left = bytes, .release = release, .owner = owner};
	list_append(&out->messages, &m->node);
	out->n += bytes.n;
}

size_t grpc_out_ready(const struct grpc_out *out, size_t max)
{
	if (list_empty(&out->messages))
		return 0;
	size_t n = MESSAGE(out->messages.next)->left.n;
	return n < max ? n : max;
}

static enum err move(struct grpc_message *m, struct grpc_sink *to, size_t n)
{
	const struct str piece = str_from(m->left.p, n);
	if (grpc_sink_gathers(to, n))
		return grpc_sink_put(to, piece);
	enum err err = grpc_sink_refer(to, piece, piece_sent, m);
	if (err == ERR_OK)
		m->refs++;
	return err;
}

enum err grpc_out_move(struct grpc_out *out, struct grpc_sink *to, size_t n)
{
	struct grpc_message *m = MESSAGE(out->messages.next);
	enum err err = move(m, to, n);
	if (err != ERR_OK)
		return err;
	m->left = str_from(m->left.p + n, m->left.n - n);
	out->n -= n;
	if (m->left.n == 0) {
		list_remove(&m->node);
		drop_ref(m);
	}
	return ERR_OK;
}

void grpc_out_drop(struct grpc_out *out)
{
	for (struct list *node; (node = list_pop(&out->messages)) != NULL;)
		drop_ref(MESSAGE(node));
	out->n = 0;
}
