#include "options.h"

#include <stdio.h>

#include "base/utf8.h"
#include "config/words.h"

static const struct option *find(const struct option *options, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(name, str_of(options[i].name)))
			return &options[i];
	return NULL;
}

static int take(struct ctl *ctl, const struct option *option, struct str value)
{
	int64_t number;

	switch (option->kind) {
	case OPTION_FLAG:
		*(bool *)option->value = true;
		return EXIT_DONE;
	case OPTION_TEXT:
		if (((struct str *)option->value)->p != NULL)
			return ctl_usage(ctl, "%s is given twice", option->name);
		*(struct str *)option->value = value;
		return EXIT_DONE;
	case OPTION_NUMBER:
		if (str_to_i64(value, option->min, option->max, &number) != ERR_OK)
			return ctl_usage(ctl, "%s: expected a whole number from %d to %d", option->name, option->min, option->max);
		*(int32_t *)option->value = (int32_t)number;
		return EXIT_DONE;
	case OPTION_WORDS: {
		struct word_list *list = option->value;
		if (list->n == WORDS_MAX)
			return ctl_usage(ctl, "%s is given more than %d times", option->name, WORDS_MAX);
		list->v[list->n++] = value;
		return EXIT_DONE;
	}
	}
	return EXIT_FAILED;
}

static int take_positional(struct ctl *ctl, struct str *positional, struct str arg)
{
	if (positional == NULL || positional->p != NULL)
		return ctl_usage(ctl, "unexpected argument \"%.*s\"", STR_ARG(arg));
	*positional = arg;
	return EXIT_DONE;
}

int options_read(struct ctl *ctl, char **args, const struct option *options, size_t n, struct str *positional)
{
	int status = EXIT_DONE;

	while (status == EXIT_DONE && *args != NULL) {
		const char *arg = *args++;
		struct str value = str_of(arg);
		struct str name = str_split(&value, '=');

		if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
			ctl_help(ctl->command);
			return EXIT_HELP;
		}
		if (arg[0] != '-' || arg[1] == '\0') {
			status = take_positional(ctl, positional, str_of(arg));
			continue;
		}
		const struct option *option = find(options, n, name);
		bool is_output = str_eq(name, STR("--output"));
		if (option == NULL && !is_output)
			return ctl_usage(ctl, "there is no option %.*s", STR_ARG(name));
		if (option != NULL && option->kind == OPTION_FLAG && value.p != NULL)
			return ctl_usage(ctl, "%s takes no value", option->name);
		if ((is_output || option->kind != OPTION_FLAG) && value.p == NULL) {
			if (*args == NULL)
				return ctl_usage(ctl, "%.*s wants a value", STR_ARG(name));
			value = str_of(*args++);
		}
		if (is_output)
			status = output_of(value.p, &ctl->output) ? EXIT_DONE : ctl_usage(ctl, "--output: expected text, json or env");
		else
			status = take(ctl, option, value);
	}
	return status;
}

struct words words_of(const struct word_list *list)
{
	return list->n == 0 ? (struct words){NULL, 0} : (struct words){list->v, list->n};
}

struct words roles_of(const struct word_list *list)
{
	bool none = list->n == 1 && str_eq(list->v[0], STR("none"));
	return none ? (struct words){list->v, 0} : words_of(list);
}

int check_roles(struct ctl *ctl, const struct word_list *roles, bool none_allowed)
{
	for (size_t i = 0; i < roles->n; i++) {
		struct str role = roles->v[i];
		if (none_allowed && str_eq(role, STR("none")) && roles->n == 1)
			return EXIT_DONE;
		if (!str_eq(role, STR("admin")) && !str_eq(role, STR("member")))
			return ctl_usage(ctl, "--role: expected admin or member%s", none_allowed ? ", or none alone" : "");
	}
	return EXIT_DONE;
}

int check_scopes(struct ctl *ctl, const struct word_list *scopes)
{
	for (size_t i = 0; i < scopes->n; i++)
		if (!word_is_scope(scopes->v[i]))
			return ctl_usage(ctl,
					 "--scope: expected 1 to %d visible ASCII characters without spaces, quotes and backslashes; "
					 "repeat the option for more",
					 SCOPE_MAX);
	return EXIT_DONE;
}

int check_audiences(struct ctl *ctl, const struct word_list *audiences)
{
	for (size_t i = 0; i < audiences->n; i++)
		if (!word_is_audience(audiences->v[i]))
			return ctl_usage(ctl,
					 "--audience: expected 1 to %d visible ASCII characters without spaces, quotes and backslashes",
					 AUDIENCE_MAX);
	return EXIT_DONE;
}

/* Names are printed to terminals: whole characters, no control characters. The schema's limit counts characters. */
int check_name(struct ctl *ctl, struct str name)
{
	size_t characters = 0;

	while (name.n > 0) {
		size_t n = utf8_next(name);
		if (n == 0 || (unsigned char)name.p[0] < 0x20 || name.p[0] == 0x7f)
			return ctl_usage(ctl, "--name: expected UTF-8 text without control characters");
		name = str_from(name.p + n, name.n - n);
		if (++characters > 200)
			return ctl_usage(ctl, "--name: expected at most 200 characters");
	}
	return EXIT_DONE;
}
