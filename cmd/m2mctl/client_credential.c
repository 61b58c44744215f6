#include "client_credential.h"

#include "base/clock.h"

int find_client(struct ctl *ctl, const struct whose *whose, struct client *ret)
{
	int status = ctl_connect(ctl, 0);
	return status == EXIT_DONE ? ctl_ended(ctl, operator_client_find(ctl->db, whose->client_id, whose->org, ret)) : status;
}

int check_whose(const struct ctl *ctl, const struct whose *whose, const char *kind)
{
	bool given = whose->client_id.p != NULL || whose->org.p != NULL;
	return given ? EXIT_DONE : ctl_usage(ctl, "whose %s? Give --org SLUG or --client CLIENT_ID", kind);
}

int check_naming(const struct ctl *ctl, const struct credential_naming *o)
{
	bool both = o->expires_in != 0 && o->expires_at.p != NULL;
	return both ? ctl_usage(ctl, "--expires-in and --expires-at say the same; give one") : EXIT_DONE;
}

int64_t end_of(const struct credential_naming *o, int64_t now)
{
	int64_t us = 0;
	if (o->expires_in != 0)
		return now + (int64_t)o->expires_in * 1000000;
	return o->expires_at.p == NULL || clock_parse_rfc3339(o->expires_at, &us) == ERR_OK ? us : -1;
}
