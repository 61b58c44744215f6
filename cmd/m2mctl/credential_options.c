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

int check_credential_end(const struct ctl *ctl, const struct credential_end *end)
{
	bool both = end->in != 0 && end->at.p != NULL;
	return both ? ctl_usage(ctl, "--expires-in and --expires-at say the same; give one") : EXIT_DONE;
}

int64_t credential_end_us(const struct credential_end *end, int64_t now)
{
	int64_t us = 0;
	if (end->in != 0)
		return now + (int64_t)end->in * 1000000;
	return end->at.p == NULL || clock_parse_rfc3339(end->at, &us) == ERR_OK ? us : -1;
}
