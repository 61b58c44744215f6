/* m2mctl org: organizations, each with its default client. */
#include "store/ctl_org.h"

#include "config/words.h"
#include "ctl.h"
#include "options.h"
#include "output.h"

#define LIFETIME_MIN 60
#define LIFETIME_MAX 2592000

/* The schema's form, and nothing that --org would take for an id. */
static int check_slug(struct ctl *ctl, struct str slug)
{
	struct uuid id;
	bool good = slug.n >= 1 && slug.n <= 63 && slug.p[0] != '-' && str_is_word(slug, "-");
	for (size_t i = 0; good && i < slug.n; i++)
		good = slug.p[i] < 'A' || slug.p[i] > 'Z';
	if (!good || uuid_parse(slug, &id) == ERR_OK)
		return ctl_usage(ctl, "a SLUG is 1 to 63 of a-z, 0-9 and '-', does not begin with '-', and is not a UUID");
	return EXIT_DONE;
}

static void default_to(struct word_list *list, struct str word)
{
	if (list->n == 0)
		list->v[list->n++] = word;
}

static int print_created(struct ctl *ctl, const struct org *org, const struct client_secret *secret)
{
	const struct field fields[] = {
		field_in_env("M2M_ORGANIZATION", field_text("slug", org->slug)),
		field_in_env("M2M_ORGANIZATION_ID", field_uuid(ctl, "organization_id", org->organization_id)),
		field_in_env("M2M_CLIENT_ID", field_text("client_id", secret->client_id)),
		field_in_env("M2M_CLIENT_SECRET", field_text("client_secret", secret->secret)),
		field_text("hint", secret->hint),
	};
	return output_record(ctl, fields, sizeof fields / sizeof fields[0]);
}

static int create(struct ctl *ctl, char **args)
{
	struct org_spec spec = {.client.token_lifetime = 86400};
	struct word_list roles = {.n = 0};
	struct word_list scopes = {.n = 0};
	struct word_list audiences = {.n = 0};
	const struct option options[] = {
		{"--name", OPTION_TEXT, &spec.name, 0, 0},
		{"--role", OPTION_WORDS, &roles, 0, 0},
		{"--scope", OPTION_WORDS, &scopes, 0, 0},
		{"--audience", OPTION_WORDS, &audiences, 0, 0},
		{"--lifetime", OPTION_NUMBER, &spec.client.token_lifetime, LIFETIME_MIN, LIFETIME_MAX},
		{"--issuer", OPTION_TEXT, &spec.issuer, 0, 0},
		{"--external-id", OPTION_TEXT, &spec.external_id, 0, 0},
	};
	int status = options_read(ctl, args, options, sizeof options / sizeof options[0], &spec.slug);
	if (status != EXIT_DONE)
		return status;
	if (spec.slug.p == NULL)
		return ctl_usage(ctl, "SLUG is missing");
	if (spec.name.p == NULL)
		spec.name = spec.slug;
	if (spec.name.n == 0)
		return ctl_usage(ctl, "--name: expected some text");
	if ((spec.issuer.p == NULL) != (spec.external_id.p == NULL))
		return ctl_usage(ctl, "--issuer and --external-id belong together");
	if (spec.issuer.p != NULL && (!word_is_audience(spec.issuer) || !word_is_audience(spec.external_id)))
		return ctl_usage(ctl, "--issuer and --external-id: expected visible ASCII characters, at most %d", AUDIENCE_MAX);
	if ((status = check_slug(ctl, spec.slug)) != EXIT_DONE || (status = check_name(ctl, spec.name)) != EXIT_DONE ||
	    (status = check_roles(ctl, &roles, true)) != EXIT_DONE || (status = check_scopes(ctl, &scopes)) != EXIT_DONE ||
	    (status = check_audiences(ctl, &audiences)) != EXIT_DONE)
		return status;

	status = ctl_connect(ctl, CONFIG_NEED_MASTER_KEYS);
	if (status != EXIT_DONE)
		return status;
	default_to(&roles, STR("admin"));
	default_to(&scopes, ctl->config.default_scope);
	default_to(&audiences, ctl->config.default_audience);
	spec.client.roles = roles_of(&roles);
	spec.client.scopes = words_of(&scopes);
	spec.client.audiences = words_of(&audiences);

	struct org org;
	struct client_secret secret;
	status = ctl_ended(ctl, ctl_org_create(ctl->db, &ctl->config.ring, &spec, &org, &secret));
	return status == EXIT_DONE ? print_created(ctl, &org, &secret) : status;
}

static int list(struct ctl *ctl, char **args)
{
	enum { COLUMNS = 6 };
	const struct org *orgs = NULL;
	size_t n = 0;
	int status = options_read(ctl, args, NULL, 0, NULL);
	if (status == EXIT_DONE)
		status = ctl_connect(ctl, 0);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, ctl_org_list(ctl->db, &orgs, &n));
	if (status != EXIT_DONE)
		return status;

	struct field *fields = arena_alloc(ctl->a, n * COLUMNS * sizeof *fields);
	if (fields == NULL) {
		ctl_say("there are more organizations than there is memory for");
		return EXIT_FAILED;
	}
	for (size_t i = 0; i < n; i++) {
		struct field *row = fields + i * COLUMNS;
		row[0] = field_text("slug", orgs[i].slug);
		row[1] = field_uuid(ctl, "organization_id", orgs[i].organization_id);
		row[2] = field_text("client_id", orgs[i].client_id);
		row[3] = field_time(ctl, "created_at", orgs[i].created_at);
		row[4] = field_time(ctl, "disabled_at", orgs[i].disabled_at);
		row[5] = field_text("name", orgs[i].name);
	}
	return output_rows(ctl, "organizations", fields, COLUMNS, n);
}

static int print_org(struct ctl *ctl, const struct org *org)
{
	const struct field fields[] = {
		field_in_env("M2M_ORGANIZATION", field_text("slug", org->slug)),
		field_in_env("M2M_ORGANIZATION_ID", field_uuid(ctl, "organization_id", org->organization_id)),
		field_text("name", org->name),
		field_in_env("M2M_CLIENT_ID", field_text("client_id", org->client_id)),
		field_text("issuer", org->issuer),
		field_text("external_id", org->external_id),
		field_time(ctl, "created_at", org->created_at),
		field_time(ctl, "disabled_at", org->disabled_at),
	};
	return output_record(ctl, fields, sizeof fields / sizeof fields[0]);
}

/* The one argument of show, disable and enable. */
static int read_org(struct ctl *ctl, char **args, struct str *ret)
{
	int status = options_read(ctl, args, NULL, 0, ret);
	if (status == EXIT_DONE && ret->p == NULL)
		status = ctl_usage(ctl, "the organization's slug or id is missing");
	return status == EXIT_DONE ? ctl_connect(ctl, 0) : status;
}

static int show(struct ctl *ctl, char **args)
{
	struct str slug = STR_NONE;
	struct org org;
	int status = read_org(ctl, args, &slug);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, ctl_org_find(ctl->db, slug, &org));
	return status == EXIT_DONE ? print_org(ctl, &org) : status;
}

static int set_disabled(struct ctl *ctl, char **args, bool disabled)
{
	struct str slug = STR_NONE;
	struct org org;
	int status = read_org(ctl, args, &slug);
	if (status == EXIT_DONE)
		status = ctl_ended(ctl, ctl_org_set_disabled(ctl->db, slug, disabled, &org));
	return status == EXIT_DONE ? print_org(ctl, &org) : status;
}

static int disable(struct ctl *ctl, char **args)
{
	return set_disabled(ctl, args, true);
}
static int enable(struct ctl *ctl, char **args)
{
	return set_disabled(ctl, args, false);
}

const struct command org_commands[] = {
	{"org", "create",
	 "SLUG [--name NAME] [--role admin|member|none]... [--scope S]... [--audience A]... [--lifetime SECONDS] [--issuer I --external-id "
	 "E]",
	 "Makes an organization with its default client and the client's first secret",
	 "  --name NAME        for people; the slug when not given\n"
	 "  --role ROLE        of the client: admin (the default) may read and rotate the secret, member may only ask for its client id;\n"
	 "                     none: the client may ask for tokens and nothing else\n"
	 "  --scope S          what its tokens may be asked for; repeat it for more (default: M2M_DEFAULT_SCOPE)\n"
	 "  --audience A       whom its tokens are for; the first one is the default (default: M2M_DEFAULT_AUDIENCE)\n"
	 "  --lifetime SECONDS of its tokens, 60 to 2592000 (default 86400)\n"
	 "  --issuer, --external-id\n"
	 "                     an outside issuer, and what that calls this organization\n\n"
	 "Prints the secret. It can be read again with `m2mctl client secret`.\n\n"
	 "Example:\n  m2mctl org create acme --name 'Acme Inc.' --scope orders:read --scope orders:write\n",
	 create},
	{"org", "list", "", "Lists the organizations", "Example:\n  m2mctl org list --output json\n", list},
	{"org", "show", "SLUG|ID", "Shows one organization", "Example:\n  m2mctl org show acme\n", show},
	{"org", "disable", "SLUG|ID", "Ends all that the organization may do, from the next request on",
	 "Its clients get no tokens, and its tokens open nothing here. Tokens already issued stay valid JWTs for others until they "
	 "expire.\n\n"
	 "Example:\n  m2mctl org disable acme\n",
	 disable},
	{"org", "enable", "SLUG|ID", "Takes a disabling back", "Example:\n  m2mctl org enable acme\n", enable},
	{"org", NULL, NULL, NULL, NULL, NULL},
};
