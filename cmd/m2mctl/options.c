#include "options.h"

#include <assert.h>

#include "commands.h"
#include "config/words.h"
#include "k8s_secret.h"
#include "usage.h"

static const struct option *find(const struct option *options, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(name, str_of(options[i].name)))
			return &options[i];
	return NULL;
}

/* Words of a usage string's "a|b" are taken; any text otherwise. */
static int take_text(struct ctl *ctl, const struct option *option, struct str value)
{
	struct usage_option usage = {STR_NONE, STR_NONE};
	(void)usage_find(ctl->command->arguments, str_of(option->name), &usage);
	struct str choices = usage_choices(&usage);
	if (choices.p != NULL && !usage_is_choice(choices, value))
		return ctl_usage(ctl, "%s: expected one of %.*s", option->name, STR_ARG(choices));
	*(struct str *)option->value = value;
	return EXIT_DONE;
}

bool duration_read(struct str text, int32_t min, int32_t max, int32_t *ret)
{
	static const struct {
		char letter;
		int32_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	int64_t number, unit = 1;
	for (size_t i = 0; text.n > 0 && i < sizeof units / sizeof *units; i++)
		if (text.p[text.n - 1] == units[i].letter) {
			unit = units[i].seconds;
			text.n--;
			break;
		}
	if (str_to_i64(text, 0, max / unit, &number) != ERR_OK || number * unit < min)
		return false;
	*ret = (int32_t)(number * unit);
	return true;
}

static int take_duration(struct ctl *ctl, const struct option *option, struct str value)
{
	if (option->min == 0 && str_eq(value, STR("none"))) {
		*(int32_t *)option->value = 0;
		return EXIT_DONE;
	}
	if (!duration_read(value, option->min, option->max, option->value))
		return ctl_usage(ctl, "%s: expected a time such as 45m, 48h or 90d, from %d to %d seconds%s", option->name,
				 option->min == 0 ? 1 : option->min, option->max, option->min == 0 ? ", or none" : "");
	return EXIT_DONE;
}

static int take(struct ctl *ctl, const struct option *option, struct str value, bool again)
{
	int64_t number;

	if (again && (option->kind == OPTION_TEXT || option->kind == OPTION_NUMBER || option->kind == OPTION_DURATION))
		return ctl_usage(ctl, "%s is given twice", option->name);

	switch (option->kind) {
	case OPTION_FLAG:
		*(bool *)option->value = true;
		return EXIT_DONE;
	case OPTION_TEXT:
		return take_text(ctl, option, value);
	case OPTION_NUMBER:
		if (str_to_i64(value, option->min, option->max, &number) != ERR_OK)
			return ctl_usage(ctl, "%s: expected a whole number from %d to %d", option->name, option->min, option->max);
		*(int32_t *)option->value = (int32_t)number;
		return EXIT_DONE;
	case OPTION_DURATION:
		return take_duration(ctl, option, value);
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

/* A command that binds other options than its usage string names is a mistake of ours, which any
 * call of it shows. */
static bool agrees_with_usage(const char *usage, const struct option *options, size_t n)
{
	struct usage_option named;
	size_t named_n = 0;
	for (const char *rest = usage; usage_next(&rest, &named);) {
		const struct option *option = find(options, n, named.name);
		if (option == NULL || (option->kind == OPTION_FLAG) != (named.value.p == NULL))
			return false;
		named_n++;
	}
	return named_n == n;
}

static int read_all(struct ctl *ctl, char **args, const struct option *options, size_t n, struct str *positional)
{
	int status = EXIT_DONE;
	bool options_ended = false; /* by "--", as POSIX has it */
	bool taken[OPTIONS_MAX + 2] = {false};

	while (status == EXIT_DONE && *args != NULL) {
		const char *arg = *args++;
		struct str value = str_of(arg);
		struct str name = str_split(&value, '=');

		if (!options_ended && (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)) {
			help_print_command(ctl);
			return EXIT_HELP;
		}
		if (!options_ended && strcmp(arg, "--") == 0) {
			options_ended = true;
			continue;
		}
		if (options_ended || arg[0] != '-' || arg[1] == '\0') {
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
			status = output_of(value.p, &ctl->output) ? EXIT_DONE
								  : ctl_usage(ctl, "--output: expected text, json, csv, env or k8s-secret");
		else
			status = take(ctl, option, value, taken[option - options]);
		if (option != NULL)
			taken[option - options] = true;
	}
	return status;
}

int options_read(struct ctl *ctl, char **args, const struct option *options, size_t n, struct str *positional)
{
	struct option all[OPTIONS_MAX + 2];
	assert(n <= OPTIONS_MAX);
	for (size_t i = 0; i < n; i++)
		all[i] = options[i];
	if (command_prints_credentials(ctl->command)) {
		all[n++] = (struct option){"--secret-name", OPTION_TEXT, &ctl->secret_name, 0, 0};
		all[n++] = (struct option){"--namespace", OPTION_TEXT, &ctl->secret_namespace, 0, 0};
	}
	bool agrees = agrees_with_usage(ctl->command->arguments, all, n);
	assert(agrees);
	(void)agrees; /* without assertions */
	int status = read_all(ctl, args, all, n, positional);
	return status == EXIT_DONE ? k8s_secret_check(ctl) : status;
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
		if (str_eq(role, STR("platform")))
			return ctl_usage(ctl,
					 "--role platform: that role stands above all organizations, so none of their clients may have "
					 "it; `m2mctl token mint --platform` makes an operator's token with it");
		if (str_eq(role, STR("operator")))
			return ctl_usage(
				ctl, "--role operator: `m2mctl token mint --operator` makes an operator's token; no client has that role");
		if (none_allowed && str_eq(role, STR("resource_server")))
			continue;
		if (!str_eq(role, STR("admin")) && !str_eq(role, STR("member")))
			return ctl_usage(ctl, "--role: expected %s",
					 none_allowed ? "admin, member or resource_server, or none alone" : "admin or member");
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

int check_auth_methods(struct ctl *ctl, const struct word_list *methods)
{
	for (size_t i = 0; i < methods->n; i++)
		if (!word_is_auth_method(methods->v[i]))
			return ctl_usage(ctl,
					 "--auth-method: expected secret, key, certificate or workload; repeat the option for several");
	return EXIT_DONE;
}

int check_networks(struct ctl *ctl, const struct word_list *networks, struct networks *ret)
{
	struct networks_fault fault;
	struct networks given = {.v = networks->n > 0 ? networks->v : NULL, .n = networks->n};
	if (networks->n == 1 && str_eq(networks->v[0], STR("any"))) {
		*ret = (struct networks){.any = true};
		return EXIT_DONE;
	}
	if (!networks_settle(ctl->a, &given, &fault))
		return ctl_usage(ctl, "--allow-network: %.*s%s", STR_ARG(fault.network), fault.says);
	*ret = given;
	return EXIT_DONE;
}

int check_spec(struct ctl *ctl, const char *fault)
{
	return fault == NULL ? EXIT_DONE : ctl_usage(ctl, "%s", fault);
}

int check_yes(struct ctl *ctl, bool yes, const char *what_happens)
{
	return yes ? EXIT_DONE : ctl_usage(ctl, "%s; say --yes if you mean it", what_happens);
}
