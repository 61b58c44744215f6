/* m2mctl client: a client and its secret. A client is named by its id, or as the default client of --org. */
#include "store/ctl_client.h"

#include "ctl.h"
#include "options.h"
#include "output.h"

#define GRACE_MAX 604800

/* Reads the arguments, with `more` options, connects and finds the client. */
static int find_client(struct ctl *ctl, char **args, const struct option *more, size_t n, unsigned need, struct client *ret)
{
	enum { OPTIONS_MAX = 8 };
	struct str client_id = STR_NONE;
	struct str org = STR_NONE;
	struct option options[OPTIONS_MAX] = {{"--org", OPTION_TEXT, &org, 0, 0}};
	for (size_t i = 0; i < n && i + 1 < OPTIONS_MAX; i++)
		options[i + 1] = more[i];

	int status = options_read(ctl, args, options, n + 1, &client_id);
	if (status != EXIT_DONE)
		return status;
	if (client_id.p == NULL && org.p == NULL)
		return ctl_usage(ctl, "which client? Give --org SLUG or a CLIENT_ID");
	status = ctl_connect(ctl, need);
	return status == EXIT_DONE ? ctl_ended(ctl, ctl_client_find(ctl->db, client_id, org, ret)) : status;
}

static int print_client(struct ctl *ctl, const struct client *c)
{
	const struct field fields[] = {
		field_in_env("M2M_CLIENT_ID", field_text("client_id", c->client_id)),
		field_in_env("M2M_ORGANIZATION", field_text("organization", c->organization)),
		field_in_env("M2M_ORGANIZATION_ID", field_uuid(ctl, "organization_id", c->organization_id)),
		field_bool("default", c->is_default),
		field_text("name", c->name),
		field_words("roles", c->roles),
		field_words("scopes", c->scopes),
		field_words("audiences", c->audiences),
		field_number("token_lifetime", c->token_lifetime),
		field_number("secret_version", c->secret_version),
		field_text("secret_hint", c->hint),
		field_time(ctl, "secret_created_at", c->secret_created_at),
		field_time(ctl, "created_at", c->created_at),
		field_time(ctl, "disabled_at", c->disabled_at),
	};
	return output_record(ctl, fields, sizeof fields / sizeof fields[0]);
}

static int show(struct ctl *ctl, char **args)
{
	struct client client;
	int status = find_client(ctl, args, NULL, 0, 0, &client);
	return status == EXIT_DONE ? print_client(ctl, &client) : status;
}

static int read_secret(struct ctl *ctl, char **args)
{
	struct client client;
	struct client_secret secret;
	int status = find_client(ctl, args, NULL, 0, CONFIG_NEED_MASTER_KEYS, &client);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, ctl_secret_read(ctl->db, &ctl->config.ring, &client, &secret));
	if (status != EXIT_DONE)
		return status;
	const struct field fields[] = {
		field_in_env("M2M_CLIENT_ID", field_text("client_id", secret.client_id)),
		field_in_env("M2M_CLIENT_SECRET", field_text("client_secret", secret.secret)),
		field_number("version", secret.version),
		field_time(ctl, "created_at", secret.created_at),
	};
	return output_record(ctl, fields, sizeof fields / sizeof fields[0]);
}

static int rotate(struct ctl *ctl, char **args)
{
	int32_t grace = 0;
	const struct option options[] = {{"--grace", OPTION_NUMBER, &grace, 0, GRACE_MAX}};
	struct client client;
	struct client_secret secret;
	int status = find_client(ctl, args, options, 1, CONFIG_NEED_MASTER_KEYS, &client);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, ctl_secret_rotate(ctl->db, &ctl->config.ring, &client, grace, &secret));
	if (status != EXIT_DONE)
		return status;
	const struct field fields[] = {
		field_in_env("M2M_CLIENT_ID", field_text("client_id", secret.client_id)),
		field_in_env("M2M_CLIENT_SECRET", field_text("client_secret", secret.secret)),
		field_number("version", secret.version),
		field_time(ctl, "rotated_at", secret.created_at),
		field_time(ctl, "previous_secret_expires_at", secret.previous_expires_at),
	};
	return output_record(ctl, fields, sizeof fields / sizeof fields[0]);
}

/* Shows the client as it is after a change. */
static int print_changed(struct ctl *ctl, struct client *client, enum err err)
{
	if (err == ERR_OK)
		err = ctl_client_find(ctl->db, client->client_id, STR_NONE, client);
	int status = ctl_ended(ctl, err);
	return status == EXIT_DONE ? print_client(ctl, client) : status;
}

static int set_disabled(struct ctl *ctl, char **args, bool disabled)
{
	struct client client;
	int status = find_client(ctl, args, NULL, 0, 0, &client);
	return status == EXIT_DONE ? print_changed(ctl, &client, ctl_client_set_disabled(ctl->db, &client, disabled)) : status;
}

static int disable(struct ctl *ctl, char **args)
{
	return set_disabled(ctl, args, true);
}
static int enable(struct ctl *ctl, char **args)
{
	return set_disabled(ctl, args, false);
}

static int set(struct ctl *ctl, char **args)
{
	struct client_spec spec = {.token_lifetime = 0};
	struct word_list roles = {.n = 0};
	struct word_list scopes = {.n = 0};
	struct word_list audiences = {.n = 0};
	const struct option options[] = {
		{"--role", OPTION_WORDS, &roles, 0, 0},         {"--scope", OPTION_WORDS, &scopes, 0, 0},
		{"--audience", OPTION_WORDS, &audiences, 0, 0}, {"--lifetime", OPTION_NUMBER, &spec.token_lifetime, 60, 2592000},
		{"--name", OPTION_TEXT, &spec.name, 0, 0},
	};
	struct client client;
	int status = find_client(ctl, args, options, sizeof options / sizeof options[0], 0, &client);
	if (status != EXIT_DONE)
		return status;
	if (roles.n + scopes.n + audiences.n == 0 && spec.token_lifetime == 0 && spec.name.p == NULL)
		return ctl_usage(ctl, "nothing to set");
	if ((status = check_name(ctl, spec.name)) != EXIT_DONE || (status = check_roles(ctl, &roles, true)) != EXIT_DONE ||
	    (status = check_scopes(ctl, &scopes)) != EXIT_DONE || (status = check_audiences(ctl, &audiences)) != EXIT_DONE)
		return status;
	spec.roles = roles_of(&roles);
	spec.scopes = words_of(&scopes);
	spec.audiences = words_of(&audiences);
	return print_changed(ctl, &client, ctl_client_set(ctl->db, &client, &spec));
}

const struct command client_commands[] = {
	{"client", "show", "--org SLUG | CLIENT_ID", "Shows a client, without its secret", "Example:\n  m2mctl client show --org acme\n",
	 show},
	{"client", "secret", "--org SLUG | CLIENT_ID", "Reads the client's current secret; the reading is recorded",
	 "The secret is stored nowhere: it is derived from the master key (M2M_MASTER_KEYS_FILE) and checked against the stored "
	 "verifier.\n\n"
	 "Example:\n  m2mctl client secret --org acme --output env > acme.env\n",
	 read_secret},
	{"client", "rotate", "--org SLUG | CLIENT_ID [--grace SECONDS]", "Replaces the client's secret and prints the new one",
	 "  --grace SECONDS  how long the old secret still works, 0 to 604800 (default 0: it ends at once, and with it what its tokens "
	 "open here)\n\n"
	 "Example:\n  m2mctl client rotate --org acme --grace 3600\n",
	 rotate},
	{"client", "disable", "--org SLUG | CLIENT_ID", "Ends all that the client may do, from the next request on",
	 "Example:\n  m2mctl client disable --org acme\n", disable},
	{"client", "enable", "--org SLUG | CLIENT_ID", "Takes a disabling back", "Example:\n  m2mctl client enable --org acme\n", enable},
	{"client", "set",
	 "--org SLUG | CLIENT_ID [--role admin|member|none]... [--scope S]... [--audience A]... [--lifetime SECONDS] [--name NAME]",
	 "Changes what a client is and may do; what isn't given stays",
	 "  --role ROLE         admin, member, or none: the client may ask for tokens and nothing else\n"
	 "  --scope S           replaces all scopes; repeat it for more\n"
	 "  --audience A        replaces all audiences; the first one is the default\n"
	 "  --lifetime SECONDS  of tokens issued from now on, 60 to 2592000\n\n"
	 "Example:\n  m2mctl client set --org acme --role member --lifetime 3600\n",
	 set},
	{"client", NULL, NULL, NULL, NULL, NULL},
};
