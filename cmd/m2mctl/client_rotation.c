#include "client_rotation.h"

#include "operator/client.h"
#include "operator/rotation.h"
#include "options.h"
#include "output.h"

#define PROLONG_MAX 7776000

struct rotation_arguments {
	struct str client_id, org;
	struct grace_change change;
};

static int read_arguments(struct ctl *ctl, char **args, struct rotation_arguments *ret)
{
	*ret = (struct rotation_arguments){.client_id = STR_NONE, .org = STR_NONE};
	const struct option options[] = {{"--org", OPTION_TEXT, &ret->org, 0, 0},
					 {"--cancel", OPTION_FLAG, &ret->change.cancel, 0, 0},
					 {"--prolong", OPTION_DURATION, &ret->change.seconds, 1, PROLONG_MAX},
					 {"--version", OPTION_NUMBER, &ret->change.version, 1, INT32_MAX}};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], &ret->client_id);
	bool changes = ret->change.cancel || ret->change.seconds != 0;
	if (status == EXIT_DONE && ret->client_id.p == NULL && ret->org.p == NULL)
		return ctl_usage(ctl, "which client? Give --org SLUG or a CLIENT_ID");
	if (status == EXIT_DONE && ret->change.cancel && ret->change.seconds != 0)
		return ctl_usage(ctl, "--cancel and --prolong exclude each other");
	if (status == EXIT_DONE && !changes && ret->change.version != 0)
		return ctl_usage(ctl, "--version goes with --cancel or --prolong");
	return status == EXIT_DONE ? output_rows_check(ctl) : status;
}

#define COLUMNS 11

/* `user` NULL: nobody got a token with it. */
static void put_row(struct ctl *ctl, const struct secret_in_grace *s, const struct secret_user *user, struct field *row)
{
	const struct secret_user none = {.remote_addr = STR_NONE, .user_agent = STR_NONE};
	const struct secret_user *u = user == NULL ? &none : user;
	const struct field fields[COLUMNS] = {
		field_number("version", s->version),
		field_text("hint", s->hint),
		field_time(ctl, "replaced_at", s->replaced_at),
		field_time(ctl, "expires_at", s->expires_at),
		field_number("unused_for", s->unused_for),
		field_text("remote_addr", u->remote_addr),
		field_text("user_agent", u->user_agent),
		field_number("tokens", u->tokens),
		field_time(ctl, "first_issued_at", u->first_issued_at),
		field_time(ctl, "last_issued_at", u->last_issued_at),
		field_time(ctl, "counted_since", s->counted_since),
	};
	for (size_t i = 0; i < COLUMNS; i++)
		row[i] = fields[i];
}

static int print_list(struct ctl *ctl, const struct grace_list *list)
{
	size_t rows = 0, n = 0;
	for (size_t i = 0; i < list->n; i++)
		rows += list->secrets[i].users_n == 0 ? 1 : list->secrets[i].users_n;
	struct field *fields = output_room(ctl, COLUMNS, rows);
	if (fields == NULL)
		return EXIT_FAILED;
	for (size_t i = 0; i < list->n; i++) {
		const struct secret_in_grace *s = &list->secrets[i];
		if (s->users_n == 0)
			put_row(ctl, s, NULL, fields + n++ * COLUMNS);
		for (size_t k = 0; k < s->users_n; k++)
			put_row(ctl, s, &s->users[k], fields + n++ * COLUMNS);
	}
	return output_rows(ctl, "secrets in their grace", fields, COLUMNS, n);
}

int client_rotation(struct ctl *ctl, char **args)
{
	struct rotation_arguments a;
	struct client client;
	struct grace_list list;
	int status = read_arguments(ctl, args, &a);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_client_find(ctl->db, a.client_id, a.org, &client));
	if (status == EXIT_DONE && (a.change.cancel || a.change.seconds != 0))
		status = ctl_ended(ctl, operator_rotation_change(ctl->db, &client, &a.change));
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_rotation_read(ctl->db, &client, &list));
	return status == EXIT_DONE ? print_list(ctl, &list) : status;
}

int client_end_unused(struct ctl *ctl, char **args)
{
	enum { ENDED_COLUMNS = 3 };
	const struct ended_secret *ended = NULL;
	size_t n = 0;
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status == EXIT_DONE)
		status = output_rows_check(ctl);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_end_unused(ctl->db, &ended, &n));
	if (status != EXIT_DONE)
		return status;
	struct field *fields = output_room(ctl, ENDED_COLUMNS, n);
	if (fields == NULL)
		return EXIT_FAILED;
	for (size_t i = 0; i < n; i++) {
		fields[i * ENDED_COLUMNS] = field_text("client_id", ended[i].client_id);
		fields[i * ENDED_COLUMNS + 1] = field_number("version", ended[i].version);
		fields[i * ENDED_COLUMNS + 2] = field_time(ctl, "last_used_at", ended[i].last_used_at);
	}
	return output_rows(ctl, "unused secrets", fields, ENDED_COLUMNS, n);
}
