/* An intrusive doubly linked list: the node lives in the thing that is listed. A head is a node
 * linked to itself when empty. */
#ifndef M2M_BASE_LIST_H
#define M2M_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define LIST_OWNER(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))
#define LIST_EACH(it, head)            for (struct list *it = (head)->next; it != (head); it = it->next)

static inline void list_init(struct list *head)
{
	head->next = head->prev = head;
}
static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}
static inline void list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}
/* Leaves the node linked to itself, so that removing twice does no harm. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->next = node->prev = node;
}
static inline struct list *list_pop(struct list *head)
{
	struct list *node = head->next;
	if (node == head)
		return NULL;
	list_remove(node);
	return node;
}

#endif
