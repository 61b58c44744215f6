#include <criterion/criterion.h>

#include "base/list.h"

struct item {
	int value;
	struct list node;
};

static void expect(const struct list *head, const char *want)
{
	char got[16] = {0};
	size_t n = 0;
	LIST_EACH (it, head)
		got[n++] = (char)('0' + LIST_OWNER(it, struct item, node)->value);
	cr_assert_str_eq(got, want);
}

Test(list, items_come_out_in_the_order_they_went_in)
{
	struct list head;
	struct item items[] = {{.value = 1}, {.value = 2}, {.value = 3}};
	list_init(&head);
	cr_assert(list_empty(&head));
	for (int i = 0; i < 3; i++)
		list_append(&head, &items[i].node);
	expect(&head, "123");
	for (int i = 0; i < 3; i++)
		cr_assert_eq(list_pop(&head), &items[i].node);
	cr_assert_null(list_pop(&head));
	cr_assert(list_empty(&head));
}

Test(list, removing_an_item_twice_does_no_harm)
{
	struct list head;
	struct item items[] = {{.value = 1}, {.value = 2}, {.value = 3}};
	list_init(&head);
	for (int i = 0; i < 3; i++)
		list_append(&head, &items[i].node);
	list_remove(&items[1].node);
	list_remove(&items[1].node);
	expect(&head, "13");
}
