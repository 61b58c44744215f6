#include "credential_options.h"

#include "base/clock.h"

int check_credential_owner(const struct ctl *ctl, const struct credential_owner *owner, const char *kind)
{
	bool given = owner->client_id.p != NULL || owner->org.p != NULL;
	return given ? EXIT_DONE : ctl_usage(ctl, "whose %s? Give --org SLUG or --client CLIENT_ID", kind);
}

int find_credential_owner(struct ctl *ctl, const struct credential_owner *owner, struct client *ret)
{
	int status = ctl_connect(ctl, 0);
	return status == EXIT_DONE ? ctl_ended(ctl, operator_client_find(ctl->db, owner->client_id, owner->org, ret)) : status;
}

int remove_credential(struct ctl *ctl, char **args, const char *kind, int (*print)(struct ctl *, const struct registered_credential *))
{
	struct str credential_id = STR_NONE;
	struct credential_owner owner = {STR_NONE, STR_NONE};
	struct client client;
	struct registered_credential removed;
	const struct option options[] = {CREDENTIAL_OWNER_ROWS(owner)};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], &credential_id);
	if (status == EXIT_DONE && credential_id.p == NULL)
		status = ctl_usage(ctl, "which %s? Give its CREDENTIAL_ID; `m2mctl client %s list` has them", kind, kind);
	if (status == EXIT_DONE)
		status = check_credential_owner(ctl, &owner, kind);
	if (status == EXIT_DONE)
		status = find_credential_owner(ctl, &owner, &client);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_client_credential_remove(ctl->db, &client, credential_id, str_of(kind), &removed));
	return status == EXIT_DONE ? print(ctl, &removed) : status;
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
