/* m2mctl client: a client and its secret. A client is named by its id, or as the default client
 * of --org. */
#include "operator/client.h"
#include "operator/client_credential.h"
#include "operator/token_end.h"

#include <assert.h>

#include "client_import.h"
#include "client_options.h"
#include "client_rotation.h"
#include "credential_options.h"
#include "ctl.h"
#include "options.h"
#include "output.h"

#define GRACE_MAX        604800 /* seconds; and of what follows */
#define UNTIL_UNUSED_MAX 2592000
#define AT_MOST_MAX      7776000
#define AT_MOST_DEFAULT  2592000

struct client_arguments {
	struct str client_id, org;
};

/* Reads the arguments, with `more` options. */
static int read_arguments(struct ctl *ctl, char **args, const struct option *more, size_t n, struct client_arguments *ret)
{
	*ret = (struct client_arguments){STR_NONE, STR_NONE};
	struct option options[OPTIONS_MAX] = {{"--org", OPTION_TEXT, &ret->org, 0, 0}};
	assert(n < OPTIONS_MAX);
	for (size_t i = 0; i < n; i++)
		options[i + 1] = more[i];

	int status = options_read(ctl, args, options, n + 1, &ret->client_id);
	if (status == EXIT_DONE && ret->client_id.p == NULL && ret->org.p == NULL)
		status = ctl_usage(ctl, "which client? Give --org SLUG or a CLIENT_ID");
	return status;
}

static int connect_and_find(struct ctl *ctl, const struct client_arguments *arguments, unsigned need, struct client *ret)
{
	int status = ctl_connect(ctl, need);
	return status == EXIT_DONE ? ctl_ended(ctl, operator_client_find(ctl->db, arguments->client_id, arguments->org, ret)) : status;
}

static int find_client(struct ctl *ctl, char **args, const struct option *more, size_t n, unsigned need, struct client *ret)
{
	struct client_arguments arguments;
	int status = read_arguments(ctl, args, more, n, &arguments);
	return status == EXIT_DONE ? connect_and_find(ctl, &arguments, need, ret) : status;
}

#define CLIENT_FIELDS 20

/* What a client is, without its secret. */
static void put_client(struct ctl *ctl, const struct client *c, struct field *out)
{
	const struct field fields[CLIENT_FIELDS] = {
		field_in_env("M2M_CLIENT_ID", field_text("client_id", c->client_id)),
		field_in_env("M2M_ORGANIZATION", field_text("organization", c->organization)),
		field_in_env("M2M_ORGANIZATION_ID", field_uuid(ctl, "organization_id", c->organization_id)),
		field_bool("default", c->is_default),
		field_text("name", c->name),
		field_words("roles", c->roles),
		field_words("scopes", c->scopes),
		field_words("audiences", c->audiences),
		field_number("token_lifetime", c->token_lifetime),
		field_text("token_type", c->token_type),
		field_networks("allowed_networks", c->networks),
		field_words("auth_methods", c->auth_methods),
		field_text("token_binding", c->token_binding),
		field_text("profile", c->profile),
		field_number("secret_version", c->secret_version),
		field_text("secret_hint", c->hint),
		field_time(ctl, "secret_created_at", c->secret_created_at),
		field_time(ctl, "secret_expires_at", c->secret_expires_at),
		field_time(ctl, "created_at", c->created_at),
		field_time(ctl, "disabled_at", c->disabled_at),
	};
	memcpy(out, fields, sizeof fields);
}

static int print_client(struct ctl *ctl, const struct client *c)
{
	struct field fields[CLIENT_FIELDS];
	put_client(ctl, c, fields);
	return output_record(ctl, fields, CLIENT_FIELDS);
}

static int print_list(struct ctl *ctl, const struct client *clients, size_t n)
{
	enum { COLUMNS = 15 };
	struct field *fields = output_room(ctl, COLUMNS, n);
	if (fields == NULL)
		return EXIT_FAILED;
	for (size_t i = 0; i < n; i++) {
		const struct client *c = &clients[i];
		const struct field row[COLUMNS] = {
			field_text("client_id", c->client_id),
			field_text("organization", c->organization),
			field_bool("default", c->is_default),
			field_words("roles", c->roles),
			field_words("scopes", c->scopes),
			field_number("token_lifetime", c->token_lifetime),
			field_text("token_type", c->token_type),
			field_words("auth_methods", c->auth_methods),
			field_text("token_binding", c->token_binding),
			field_text("profile", c->profile),
			field_number("secret_version", c->secret_version),
			field_time(ctl, "secret_expires_at", c->secret_expires_at),
			field_time(ctl, "created_at", c->created_at),
			field_time(ctl, "disabled_at", c->disabled_at),
			field_text("name", c->name),
		};
		memcpy(fields + i * COLUMNS, row, sizeof row);
	}
	return output_rows(ctl, "clients", fields, COLUMNS, n);
}

static int list(struct ctl *ctl, char **args)
{
	const struct client *clients = NULL;
	struct str org = STR_NONE;
	int32_t expiring = 0;
	size_t n = 0;
	const struct option options[] = {{"--org", OPTION_TEXT, &org, 0, 0},
					 {"--expiring", OPTION_DURATION, &expiring, 1, SECRET_END_IN_MAX}};
	int status = options_read(ctl, args, options, 2, NULL);
	if (status == EXIT_DONE && org.p == NULL && expiring == 0)
		status = ctl_usage(ctl, "whose clients? Give --org SLUG, or --expiring DURATION for those of all organizations");
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, org.p != NULL ? operator_client_list(ctl->db, org, expiring, &clients, &n)
						      : operator_client_list_expiring(ctl->db, expiring, &clients, &n));
	return status == EXIT_DONE ? print_list(ctl, clients, n) : status;
}

/* The versions that are live, each with its end and its last use. */
static int versions(struct ctl *ctl, char **args)
{
	enum { COLUMNS = 9 };
	const struct registered_credential *secrets = NULL;
	struct client client;
	size_t n = 0;
	int status = find_client(ctl, args, NULL, 0, 0, &client);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_client_credential_list(ctl->db, &client, STR("secret"), &secrets, &n));
	struct field *fields = status == EXIT_DONE ? output_room(ctl, COLUMNS, n) : NULL;
	if (fields == NULL)
		return status == EXIT_DONE ? EXIT_FAILED : status;
	for (size_t i = 0; i < n; i++) {
		const struct registered_credential *s = &secrets[i];
		struct field *row = fields + i * COLUMNS;
		row[0] = field_raw("version", s->credential_id);
		row[1] = field_text("hint", s->hint);
		row[2] = field_time(ctl, "created_at", s->created_at);
		row[3] = field_time(ctl, "expires_at", s->expires_at);
		row[4] = field_time(ctl, "last_used_at", s->last_use.at);
		row[5] = field_text("last_used_from", s->last_use.remote_addr);
		row[6] = field_text("last_user_agent", s->last_use.user_agent);
		row[7] = field_time(ctl, "unknown_until", s->last_use.unknown_until);
		row[8] = field_text("created_by", s->created_by);
	}
	return output_rows(ctl, "live versions", fields, COLUMNS, n);
}

static int create(struct ctl *ctl, char **args)
{
	struct str org = STR_NONE;
	struct str name = STR_NONE;
	struct client_options given = {.lifetime = 0};
	struct word_list networks = {.n = 0};
	struct networks allowed = {.any = false};
	struct credential_end until = {.in = 0};
	struct secret_end end;
	const struct option options[] = {
		{"--org", OPTION_TEXT, &org, 0, 0},
		{"--name", OPTION_TEXT, &name, 0, 0},
		CLIENT_OPTION_ROWS(given),
		CREDENTIAL_END_ROWS(until),
		{"--allow-network", OPTION_WORDS, &networks, 0, 0},
	};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], NULL);
	if (status == EXIT_DONE && org.p == NULL)
		status = ctl_usage(ctl, "whose client? Give --org SLUG");
	if (status != EXIT_DONE || (status = client_options_check(ctl, &given, name)) != EXIT_DONE ||
	    (status = check_new_client(ctl, &given)) != EXIT_DONE || (status = check_networks(ctl, &networks, &allowed)) != EXIT_DONE ||
	    (status = check_secret_end(ctl, &until, &end)) != EXIT_DONE ||
	    (status = ctl_connect(ctl, CONFIG_NEED_MASTER_KEYS)) != EXIT_DONE)
		return status;

	struct client client;
	struct client_secret secret;
	struct field fields[CLIENT_FIELDS + 1];
	struct client_spec spec = client_options_complete(ctl, &given, STR_NONE);
	spec.name = name;
	spec.networks = allowed;
	spec.secret = end;
	status = ctl_ended(ctl, operator_client_create(ctl->db, &ctl->config.ring, org, &spec, &client, &secret));
	if (status != EXIT_DONE)
		return status;
	put_client(ctl, &client, fields);
	fields[CLIENT_FIELDS] = field_in_env("M2M_CLIENT_SECRET", field_text("client_secret", secret.secret));
	return output_credentials(ctl, client.organization, fields, CLIENT_FIELDS + 1);
}

static int show(struct ctl *ctl, char **args)
{
	struct client client;
	int status = find_client(ctl, args, NULL, 0, 0, &client);
	return status == EXIT_DONE ? print_client(ctl, &client) : status;
}

/* What is told first of a secret that was read or made. */
#define SECRET_FIELDS(ctl, client, secret)                                                                                                 \
	field_in_env("M2M_CLIENT_ID", field_text("client_id", (secret).client_id)),                                                        \
		field_in_env("M2M_CLIENT_SECRET", field_text("client_secret", (secret).secret)),                                           \
		field_in_env("M2M_ORGANIZATION", field_text("organization", (client).organization)),                                       \
		field_in_env("M2M_ORGANIZATION_ID", field_uuid(ctl, "organization_id", (client).organization_id)),                         \
		field_number("version", (secret).version)

static int read_secret(struct ctl *ctl, char **args)
{
	struct client client;
	struct client_secret secret;
	int status = find_client(ctl, args, NULL, 0, CONFIG_NEED_MASTER_KEYS, &client);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_secret_read(ctl->db, &ctl->config.ring, &client, &secret));
	if (status != EXIT_DONE)
		return status;
	const struct field fields[] = {
		SECRET_FIELDS(ctl, client, secret),
		field_time(ctl, "created_at", secret.created_at),
		field_time(ctl, "expires_at", secret.expires_at),
	};
	return output_credentials(ctl, client.organization, fields, sizeof fields / sizeof fields[0]);
}

/* A grace, or the longest one of a version that ends once it is unused. */
static int settle_terms(struct ctl *ctl, struct secret_rotation *terms, int32_t at_most)
{
	if (terms->unused_for == 0)
		return at_most == 0 ? EXIT_DONE : ctl_usage(ctl, "--at-most goes with --until-unused");
	if (terms->grace_seconds != 0)
		return ctl_usage(ctl, "--grace and --until-unused exclude each other");
	terms->grace_seconds = at_most == 0 ? AT_MOST_DEFAULT : at_most;
	return terms->unused_for <= terms->grace_seconds ? EXIT_DONE : ctl_usage(ctl, "--at-most must not be less than --until-unused");
}

static int rotate(struct ctl *ctl, char **args)
{
	struct secret_rotation rotation = {.grace_seconds = 0};
	struct credential_end until = {.in = 0};
	int32_t at_most = 0;
	const struct option options[] = {{"--grace", OPTION_NUMBER, &rotation.grace_seconds, 0, GRACE_MAX},
					 {"--until-unused", OPTION_DURATION, &rotation.unused_for, 1, UNTIL_UNUSED_MAX},
					 {"--at-most", OPTION_DURATION, &at_most, 1, AT_MOST_MAX},
					 {"--revoke-tokens", OPTION_FLAG, &rotation.revoke_tokens, 0, 0},
					 CREDENTIAL_END_ROWS(until)};
	struct client_arguments arguments;
	struct client client;
	struct client_secret secret;
	int status = read_arguments(ctl, args, options, sizeof options / sizeof options[0], &arguments);
	if (status == EXIT_DONE)
		status = settle_terms(ctl, &rotation, at_most);
	if (status == EXIT_DONE)
		status = check_secret_end(ctl, &until, &rotation.end);
	if (status == EXIT_DONE)
		status = connect_and_find(ctl, &arguments, CONFIG_NEED_MASTER_KEYS, &client);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_secret_rotate(ctl->db, &ctl->config.ring, &client, &rotation, &secret));
	if (status != EXIT_DONE)
		return status;
	const struct field fields[] = {
		SECRET_FIELDS(ctl, client, secret),
		field_time(ctl, "rotated_at", secret.created_at),
		field_time(ctl, "expires_at", secret.expires_at),
		field_time(ctl, "previous_secret_expires_at", secret.previous_expires_at),
		field_number("previous_secret_unused_for", secret.previous_unused_for),
	};
	return output_credentials(ctl, client.organization, fields, sizeof fields / sizeof fields[0]);
}

static int revoke_tokens(struct ctl *ctl, char **args)
{
	int32_t version = 0;
	bool all = false;
	struct client_arguments arguments;
	struct client client;
	struct tokens_ended ended;
	const struct option options[] = {{"--version", OPTION_NUMBER, &version, 1, INT32_MAX}, {"--all", OPTION_FLAG, &all, 0, 0}};
	int status = read_arguments(ctl, args, options, 2, &arguments);
	if (status == EXIT_DONE && all == (version != 0))
		status = ctl_usage(ctl, "which tokens? Give --version N or --all");
	if (status == EXIT_DONE)
		status = connect_and_find(ctl, &arguments, 0, &client);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_end_client_tokens(ctl->db, &client, version, &ended));
	if (status != EXIT_DONE)
		return status;
	const struct field fields[] = {
		field_text("client_id", client.client_id),  field_text("organization", client.organization),
		field_number("secret_version", version),    field_time(ctl, "not_before", ended.not_before),
		field_time(ctl, "until", ended.expires_at),
	};
	return output_record(ctl, fields, sizeof fields / sizeof fields[0]);
}

static int make_change(struct ctl *ctl, const struct client *client, const struct client_spec *change)
{
	struct client changed;
	int status = ctl_ended(ctl, operator_client_change(ctl->db, client, change, &changed));
	return status == EXIT_DONE ? print_client(ctl, &changed) : status;
}

/* The changes that need no more than a client. */
static int find_and_change(struct ctl *ctl, char **args, const struct client_spec *change)
{
	struct client client;
	int status = find_client(ctl, args, NULL, 0, 0, &client);
	return status == EXIT_DONE ? make_change(ctl, &client, change) : status;
}

static int disable(struct ctl *ctl, char **args)
{
	return find_and_change(ctl, args, &(struct client_spec){.disabled = CHANGE_ON});
}
static int enable(struct ctl *ctl, char **args)
{
	return find_and_change(ctl, args, &(struct client_spec){.disabled = CHANGE_OFF});
}

static int hand_over(struct ctl *ctl, char **args)
{
	return find_and_change(ctl, args, &(struct client_spec){.is_default = CHANGE_ON});
}

static int set(struct ctl *ctl, char **args)
{
	struct client_options given = {.lifetime = 0};
	struct word_list networks = {.n = 0};
	struct networks allowed = {.any = false};
	struct str name = STR_NONE;
	bool make_default = false;
	const struct option options[] = {CLIENT_OPTION_ROWS(given),
					 {"--name", OPTION_TEXT, &name, 0, 0},
					 {"--allow-network", OPTION_WORDS, &networks, 0, 0},
					 {"--default", OPTION_FLAG, &make_default, 0, 0}};
	struct client_arguments arguments;
	int status = read_arguments(ctl, args, options, sizeof options / sizeof options[0], &arguments);
	if (status != EXIT_DONE)
		return status;
	if (!client_options_given(&given) && name.p == NULL && networks.n == 0 && !make_default)
		return ctl_usage(ctl, "nothing to set");
	if ((status = client_options_check(ctl, &given, name)) != EXIT_DONE ||
	    (status = check_networks(ctl, &networks, &allowed)) != EXIT_DONE)
		return status;

	struct client client;
	struct client_spec change = client_options_change(&given);
	change.name = name;
	change.networks = allowed;
	change.is_default = make_default ? CHANGE_ON : CHANGE_NONE;
	status = connect_and_find(ctl, &arguments, 0, &client);
	return status == EXIT_DONE ? make_change(ctl, &client, &change) : status;
}

static int delete (struct ctl *ctl, char **args)
{
	bool yes = false;
	const struct option options[] = {{"--yes", OPTION_FLAG, &yes, 0, 0}};
	struct client_arguments arguments;
	struct client client;
	int status = read_arguments(ctl, args, options, 1, &arguments);
	if (status == EXIT_DONE)
		status = check_yes(ctl, yes, "this ends the client and all its secrets for good");
	if (status == EXIT_DONE)
		status = connect_and_find(ctl, &arguments, 0, &client);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, operator_client_delete(ctl->db, &client));
	return status == EXIT_DONE ? print_client(ctl, &client) : status;
}

#define SECRET_HELP                                                                                                                        \
	"  --secret-name NAME  of the Kubernetes Secret that --output k8s-secret prints (default: SLUG-m2m-client)\n"                      \
	"  --namespace NAME    the Secret's\n"
#define SECRET_USAGE "[--secret-name NAME] [--namespace NAME]"

const struct command client_commands[] = {
	{"client", "create", "--org SLUG [--name NAME] " CLIENT_USAGE " [--allow-network CIDR]... " SECRET_END_USAGE " " SECRET_USAGE,
	 "Makes a further client of an organization, with its first secret",
	 "  --org SLUG          the organization, by slug or id\n"
	 "  --name NAME         for people\n"
	 "  --role ROLE         admin may read and rotate the organization's secrets, member may only ask for its client id;\n"
	 "                      resource_server may ask what any organization's tokens are worth, for an API that takes them;\n"
	 "                      none, the default: the client may ask for tokens and nothing else\n"
	 "  --scope S           what its tokens may be asked for; repeat it for more (default: M2M_DEFAULT_SCOPE)\n"
	 "  --audience A        whom its tokens are for; the first one is the default (default: M2M_DEFAULT_AUDIENCE)\n"
	 "  --lifetime SECONDS  of its tokens, 60 to 2592000 (default 86400)\n"
	 "  --token-type TYPE   of its tokens, JWT or at+jwt (RFC 9068); as M2M_ACCESS_TOKEN_TYPE says when not given\n"
	 "  --auth-method M     what it may authenticate with: secret, key, certificate or workload; repeat it for several; the secret\n"
	 "                      alone by default\n"
	 "  --token-binding B   what its tokens must be bound to: dpop (a DPoP proof's key), certificate (a client certificate), any of\n"
	 "                      both, or none, the default\n"
	 "  --profile P         fapi2 holds it to the FAPI 2.0 Security Profile: it wants a --token-binding, and no --auth-method but\n"
	 "                      key and certificate\n"
	 "  --allow-network N   the only networks that the client may be used from, such as 192.0.2.0/24 or 2001:db8::/32, up to 64;\n"
	 "                      any, the default: from anywhere\n" SECRET_END_HELP SECRET_HELP "\n"
	 "In Kubernetes, give --secret-name: the default is the name of the default client's Secret.\n\n"
	 "Example:\n  m2mctl client create --org acme --name 'Nightly export' --scope orders:read --lifetime 900\n",
	 create},
	{"client", "import", CLIENT_IMPORT_USAGE, "Takes over clients from another product, with their ids and secrets", client_import_help,
	 client_import},
	{"client", "export", "[--org SLUG]", "Prints clients as JSON lines that another installation imports", client_export_help,
	 client_export},
	{"client", "list", "[--org SLUG] [--expiring DURATION]", "Lists an organization's clients, or those whose secrets end soon",
	 "  --org SLUG    the organization, by slug or id; needed without --expiring\n"
	 "  --expiring D  those alone whose current secret ends within that time, such as 48h or 30d, or has ended; without --org of all\n"
	 "                organizations, the first end first\n\n"
	 "Example:\n  m2mctl client list --org acme\n  m2mctl client list --expiring 30d\n",
	 list},
	{"client", "show", "--org SLUG | CLIENT_ID", "Shows a client, without its secret",
	 "  --org SLUG  the organization, by slug or id: its default client\n\n"
	 "Example:\n  m2mctl client show --org acme\n",
	 show},
	{"client", "secret", "--org SLUG | CLIENT_ID " SECRET_USAGE, "Reads the client's current secret; the reading is recorded",
	 "  --org SLUG          the organization, by slug or id: its default client\n" SECRET_HELP "\n"
	 "The secret is stored nowhere: it is derived from the master key (M2M_MASTER_KEYS_FILE) and checked against the stored "
	 "verifier.\n\n"
	 "Example:\n"
	 "  m2mctl client secret --org acme --output env > acme.env\n"
	 "  m2mctl client secret --org acme --output k8s-secret | kubectl apply -f -\n",
	 read_secret},
	{"client", "versions", "--org SLUG | CLIENT_ID",
	 "Lists the live versions of the client's secret, each with its end, its last use and who made it",
	 "  --org SLUG  the organization, by slug or id: its default client\n\n"
	 "`last_used_at` is when the version gave its last token, by the audit, with that request's address and user agent. A client that\n"
	 "gets very many tokens may leave the last use of another version open: it is then at `last_used_at` or later, and before\n"
	 "`unknown_until`.\n\n"
	 "Example:\n  m2mctl client versions --org acme\n",
	 versions},
	{"client", "rotate",
	 "--org SLUG | CLIENT_ID [--grace SECONDS | --until-unused TIME [--at-most TIME]] [--revoke-tokens] " SECRET_END_USAGE
	 " " SECRET_USAGE,
	 "Replaces the client's secret and prints the new one",
	 "  --org SLUG          the organization, by slug or id: its default client\n"
	 "  --grace SECONDS     how long the old secret still works, 0 to 604800 (default 0: it ends at once, and with it what its tokens "
	 "open here);\n                      of more than eight that still work so the oldest end now\n"
	 "  --until-unused TIME the old secret ends once it has given no token for so long: 3600, 90m, 48h, up to 30d\n"
	 "  --at-most TIME      and so long after the rotation at the latest, up to 90d (default 30d)\n"
	 "  --revoke-tokens     also ends the tokens that the secrets which this ends have given so far, for every API that asks or reads\n"
	 "                      the list of revocations\n" SECRET_END_HELP SECRET_HELP "\n"
	 "Example:\n  m2mctl client rotate --org acme --grace 3600 --expires-in 90d\n"
	 "  m2mctl client rotate --org acme --until-unused 48h --at-most 30d\n",
	 rotate},
	{"client", "rotation", "--org SLUG | CLIENT_ID [--cancel | --prolong TIME] [--version N]",
	 "Shows who still uses the client's old secrets, ends them, or puts an end off",
	 "  --org SLUG      the organization, by slug or id: its default client\n"
	 "  --cancel        ends the old secrets now\n"
	 "  --prolong TIME  the newest old secret ends so long from now: 3600, 90m, 48h, 30d; later than it would, and at most 90 days "
	 "after\n"
	 "                  it was replaced\n"
	 "  --version N     that version, in place of all or of the newest\n\n"
	 "A row for each address and user agent that got tokens with an old secret since it was replaced. An end that has come stays.\n\n"
	 "Example:\n  m2mctl client rotation --org acme\n  m2mctl client rotation --org acme --prolong 7d\n",
	 client_rotation},
	{"client", "end-unused", "", "Ends the old secrets that have gone unused for as long as their rotations asked for",
	 "Gateways do this by themselves within seconds; this is for when none runs, and for clients with more tokens in a week than a\n"
	 "gateway looks through. Prints what it ended.\n\n"
	 "Example:\n  m2mctl client end-unused\n",
	 client_end_unused},
	{"client", "revoke-tokens", "--org SLUG | CLIENT_ID [--version N] [--all]",
	 "Ends the tokens that the client was given so far; its secret stays",
	 "  --org SLUG   the organization, by slug or id: its default client\n"
	 "  --version N  those obtained with this version of the secret\n"
	 "  --all        those of all versions\n\n"
	 "From the next request on they open nothing here, and introspection says that they aren't active. Tokens are told apart by\n"
	 "whole seconds: those issued in the second of this act end too. `not_before` is the second after it; `until` is when the last\n"
	 "of them would have expired.\n\n"
	 "Example:\n  m2mctl client revoke-tokens --org acme --version 3\n",
	 revoke_tokens},
	{"client", "set",
	 "--org SLUG | CLIENT_ID [--name NAME] [--role admin|member|resource_server|none]... [--scope S]... [--audience A]... [--lifetime "
	 "SECONDS] "
	 "[--token-type JWT|at+jwt|default] [--auth-method secret|key|certificate|workload]... [--token-binding none|dpop|certificate|any] "
	 "[--profile none|fapi2] [--allow-network CIDR]... [--default]",
	 "Changes what a client is and may do; what isn't given stays",
	 "  --org SLUG          the organization, by slug or id: its default client\n"
	 "  --name NAME         for people\n"
	 "  --role ROLE         admin, member, or none: the client may ask for tokens and nothing else\n"
	 "  --scope S           replaces all scopes; repeat it for more\n"
	 "  --audience A        replaces all audiences; the first one is the default\n"
	 "  --lifetime SECONDS  of tokens issued from now on, 60 to 2592000\n"
	 "  --token-type TYPE   of tokens issued from now on; default: as M2M_ACCESS_TOKEN_TYPE says\n"
	 "  --auth-method M     what it may authenticate with from the next request on: secret, key, certificate or workload; repeat it\n"
	 "                      for several\n"
	 "  --token-binding B   what its tokens must be bound to: dpop (a DPoP proof's key), certificate (a client certificate), any of\n"
	 "                      both, or none\n"
	 "  --profile P         fapi2 holds it to the FAPI 2.0 Security Profile: it wants a --token-binding, and no --auth-method but\n"
	 "                      key and certificate\n"
	 "  --allow-network N   replaces the networks that the client may be used from, such as 192.0.2.0/24 or 2001:db8::/32, up to 64;\n"
	 "                      any: from anywhere. It holds for its tokens here too, and from the next request on\n"
	 "  --default           makes it its organization's default client too, as `m2mctl client default` does\n\n"
	 "Example:\n  m2mctl client set --org acme --role member --lifetime 3600\n"
	 "  m2mctl client set --org acme --allow-network 192.0.2.0/24 --allow-network 2001:db8:7::/48\n",
	 set},
	{"client", "default", "CLIENT_ID [--org SLUG]", "Makes the client its organization's default one, in place of the present one",
	 "  --org SLUG  makes sure that the client is of this organization\n\n"
	 "The default client is the one that /m2m/client-id and its like speak of.\n\n"
	 "Example:\n  m2mctl client default m2m_0123456789abcdefABCDEF\n",
	 hand_over},
	{"client", "disable", "--org SLUG | CLIENT_ID", "Ends all that the client may do, from the next request on",
	 "  --org SLUG  the organization, by slug or id: its default client\n\n"
	 "Example:\n  m2mctl client disable --org acme\n",
	 disable},
	{"client", "enable", "--org SLUG | CLIENT_ID", "Takes a disabling back",
	 "  --org SLUG  the organization, by slug or id: its default client\n\n"
	 "Example:\n  m2mctl client enable --org acme\n",
	 enable},
	{"client", "delete", "CLIENT_ID [--org SLUG] --yes", "Ends a client and its secrets for good",
	 "  --org SLUG  makes sure that the client is of this organization\n\n"
	 "Nothing is asked: without --yes nothing is done. What the audit says of it stays. A default client isn't deleted: make another "
	 "one "
	 "the default first, or delete\nthe organization.\n\n"
	 "Example:\n  m2mctl client delete m2m_0123456789abcdefABCDEF --yes\n",
	 delete},
	{"client", NULL, NULL, NULL, NULL, NULL},
};
