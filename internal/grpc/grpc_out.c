/* A chunk is one message. It is referred to by the queue and by each piece of it that lies in an
 * evbuffer. */
#include "grpc/grpc_out.h"

#include <stdlib.h>

struct chunk {
	struct list node;
	unsigned refs;
	struct str left;
	void (*release)(void *owner);
	void *owner;
};

#define CHUNK(node_) LIST_OWNER(node_, struct chunk, node)

static void drop_ref(struct chunk *c)
{
	if (--c->refs > 0)
		return;
	c->release(c->owner);
	free(c);
}

static void piece_sent(const void *data, size_t n, void *chunk)
{
	(void)data, (void)n;
	drop_ref(chunk);
}

void grpc_out_init(struct grpc_out *out)
{
	list_init(&out->chunks);
	out->n = 0;
}

enum err grpc_out_add(struct grpc_out *out, struct str bytes, void (*release)(void *owner), void *owner)
{
	struct chunk *c = malloc(sizeof *c);
	if (c == NULL)
		return ERR_NO_MEMORY;
	*c = (struct chunk){.refs = 1, .left = bytes, .release = release, .owner = owner};
	list_append(&out->chunks, &c->node);
	out->n += bytes.n;
	return ERR_OK;
}

size_t grpc_out_ready(const struct grpc_out *out, size_t max)
{
	if (list_empty(&out->chunks))
		return 0;
	size_t n = CHUNK(out->chunks.next)->left.n;
	return n < max ? n : max;
}

enum err grpc_out_move(struct grpc_out *out, struct evbuffer *to, size_t n)
{
	struct chunk *c = CHUNK(out->chunks.next);
	if (evbuffer_add_reference(to, c->left.p, n, piece_sent, c) != 0)
		return ERR_NO_MEMORY;
	c->refs++;
	c->left.p += n;
	c->left.n -= n;
	out->n -= n;
	if (c->left.n == 0) {
		list_remove(&c->node);
		drop_ref(c);
	}
	return ERR_OK;
}

void grpc_out_drop(struct grpc_out *out)
{
	for (struct list *it = out->chunks.next, *next; it != &out->chunks; it = next) {
		next = it->next;
		list_remove(it);
		drop_ref(CHUNK(it));
	}
	out->n = 0;
}
