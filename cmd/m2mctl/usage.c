#include "usage.h"

/* "SLUG|--platform": what follows the bar is another option. */
static size_t value_length(const char *value)
{
	size_t n = strcspn(value, " ]");
	const char *other = strstr(value, "|--");
	return other != NULL && other < value + n ? (size_t)(other - value) : n;
}

bool usage_next(const char **rest, struct usage_option *ret)
{
	const char *name = strstr(*rest, "--");
	if (name == NULL)
		return false;

	size_t n = strcspn(name, " ]|");
	const char *end = name + n;
	*ret = (struct usage_option){.name = str_from(name, n)};
	if (*end == ' ' && strcspn(end + 1, "[|-") > 0 && end[1] != '\0') {
		ret->value = str_from(end + 1, value_length(end + 1));
		end = ret->value.p + ret->value.n;
	}
	*rest = end;
	return true;
}

bool usage_find(const char *usage, struct str name, struct usage_option *ret)
{
	struct usage_option option;
	while (usage_next(&usage, &option)) {
		if (str_eq(option.name, name)) {
			*ret = option;
			return true;
		}
	}
	return false;
}

struct str usage_choices(const struct usage_option *option)
{
	return option->value.p != NULL && memchr(option->value.p, '|', option->value.n) != NULL ? option->value : STR_NONE;
}

bool usage_is_choice(struct str choices, struct str word)
{
	while (choices.p != NULL)
		if (str_eq(str_split(&choices, '|'), word))
			return true;
	return false;
}
