#include "credential_options.h"

#include "base/clock.h"

static int check_owner(const struct ctl *ctl, const struct credential_owner *owner, const struct credential_kind *kind)
{
	bool given = owner->client_id.p != NULL || owner->org.p != NULL;
	return given ? EXIT_DONE : ctl_usage(ctl, "whose %s? Give --org SLUG or --client CLIENT_ID", kind->name);
}

int read_credential_options(struct ctl *ctl, char **args, const struct option *options, size_t n, const struct credential_owner *owner,
			    const struct credential_kind *kind)
{
	int status = options_read(ctl, args, options, n, NULL);
	return status == EXIT_DONE ? check_owner(ctl, owner, kind) : status;
}

int find_credential_owner(struct ctl *ctl, const struct credential_owner *owner, struct client *ret)
{
	int status = ctl_connect(ctl, 0);
	return status == EXIT_DONE ? ctl_ended(ctl, operator_client_find(ctl->db, owner->client_id, owner->org, ret)) : status;
}

int list_credentials(struct ctl *ctl, char **args, const struct credential_kind *kind)
{
	const struct registered_credential *found = NULL;
	struct credential_owner owner = {STR_NONE, STR_NONE};
	struct client client;
	size_t n = 0;
	const struct option options[] = {CREDENTIAL_OWNER_ROWS(owner)};
	int status = read_credential_options(ctl, args, options, sizeof options / sizeof options[0], &owner, kind);
	if (status == EXIT_DONE)
		status = find_credential_owner(ctl, &owner, &client);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_client_credential_list(ctl->db, &client, str_of(kind->name), &found, &n));
	struct field *fields = status == EXIT_DONE ? output_room(ctl, kind->columns, n) : NULL;
	if (fields == NULL)
		return status == EXIT_DONE ? EXIT_FAILED : status;
	for (size_t i = 0; i < n; i++)
		kind->put_row(ctl, &found[i], fields + i * kind->columns);
	return output_rows(ctl, kind->plural, fields, kind->columns, n);
}

int credential_read_ended(const struct ctl *ctl, const struct credential_kind *kind, enum err err, const char *why)
{
	if (err == ERR_OK)
		return EXIT_DONE;
	if (err == ERR_MALFORMED)
		return ctl_usage(ctl, "%s", why);
	ctl_say("the %s can't be read: %s", kind->name, err_info(err)->text);
	return EXIT_FAILED;
}

int add_credential(struct ctl *ctl, const struct client *client, const struct client_credential_spec *spec,
		   const struct credential_kind *kind)
{
	struct registered_credential made;
	int status = ctl_ended(ctl, operator_client_credential_add(ctl->db, client, spec, &made));
	return status == EXIT_DONE ? kind->print(ctl, &made) : status;
}

int remove_credential(struct ctl *ctl, char **args, const struct credential_kind *kind)
{
	struct str credential_id = STR_NONE;
	struct credential_owner owner = {STR_NONE, STR_NONE};
	struct client client;
	struct registered_credential removed;
	const struct option options[] = {CREDENTIAL_OWNER_ROWS(owner)};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], &credential_id);
	if (status == EXIT_DONE && credential_id.p == NULL)
		status = ctl_usage(ctl, "which %s? Give its CREDENTIAL_ID; `m2mctl client %s list` has them", kind->name, kind->name);
	if (status == EXIT_DONE)
		status = check_owner(ctl, &owner, kind);
	if (status == EXIT_DONE)
		status = find_credential_owner(ctl, &owner, &client);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_client_credential_remove(ctl->db, &client, credential_id, str_of(kind->name), &removed));
	return status == EXIT_DONE ? kind->print(ctl, &removed) : status;
}

int check_credential_end(const struct ctl *ctl, const struct credential_end *end)
{
	bool both = end->in != 0 && end->at.p != NULL;
	return both ? ctl_usage(ctl, "--expires-in and --expires-at say the same; give one") : EXIT_DONE;
}

int check_secret_end(struct ctl *ctl, const struct credential_end *end, struct secret_end *ret)
{
	int64_t at = 0;
	if (end->at.p != NULL && (clock_parse_rfc3339(end->at, &at) != ERR_OK || at == 0))
		at = -1;
	*ret = (struct secret_end){end->in, at};
	int status = check_credential_end(ctl, end);
	return status == EXIT_DONE ? check_spec(ctl, secret_end_fault(ret, clock_wall_us())) : status;
}

int64_t credential_end_us(const struct credential_end *end, int64_t now)
{
	int64_t us = 0;
	if (end->in != 0)
		return now + (int64_t)end->in * 1000000;
	return end->at.p == NULL || clock_parse_rfc3339(end->at, &us) == ERR_OK ? us : -1;
}
