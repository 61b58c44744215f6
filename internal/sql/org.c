#include "sql/org.h"

#include "config/words.h"

#define SCOPES_MAX      64
#define SCOPES_BYTES    1024 /* joined: what a token request may ask for at once */
#define AUDIENCES_MAX   8    /* of one token */
#define EXTERNAL_ID_MAX 200  /* bytes, as trust/claim.h takes it */

#define VISIBLE "without control characters, invisible ones and marks of direction."

static bool repeats(const struct words *words)
{
	for (size_t i = 0; i < words->n; i++)
		for (size_t j = 0; j < i; j++)
			if (str_eq(words->v[i], words->v[j]))
				return true;
	return false;
}

static bool roles_hold(const struct words *roles)
{
	for (size_t i = 0; i < roles->n; i++)
		if (!str_eq(roles->v[i], STR("admin")) && !str_eq(roles->v[i], STR("member")) &&
		    !str_eq(roles->v[i], STR("resource_server")))
			return false;
	return !repeats(roles);
}

static bool scopes_hold(const struct words *scopes)
{
	size_t bytes = 0;
	for (size_t i = 0; i < scopes->n; i++) {
		if (!word_is_scope(scopes->v[i]))
			return false;
		bytes += scopes->v[i].n + 1;
	}
	return scopes->n <= SCOPES_MAX && bytes <= SCOPES_BYTES && !repeats(scopes);
}

static bool audiences_hold(const struct words *audiences)
{
	for (size_t i = 0; i < audiences->n; i++)
		if (!word_is_audience(audiences->v[i]))
			return false;
	return audiences->v == NULL || (audiences->n >= 1 && audiences->n <= AUDIENCES_MAX && !repeats(audiences));
}

static bool token_type_holds(struct str type)
{
	return type.p == NULL || str_eq(type, STR("JWT")) || str_eq(type, STR("at+jwt")) || str_eq(type, STR("default"));
}

bool word_is_auth_method(struct str word)
{
	return str_eq(word, STR("secret")) || str_eq(word, STR("key")) || str_eq(word, STR("certificate")) || str_eq(word, STR("workload"));
}

static bool auth_methods_hold(const struct words *methods)
{
	for (size_t i = 0; i < methods->n; i++)
		if (!word_is_auth_method(methods->v[i]))
			return false;
	return methods->v == NULL || (methods->n >= 1 && !repeats(methods));
}

static bool token_binding_holds(struct str binding)
{
	return binding.p == NULL || str_eq(binding, STR("none")) || str_eq(binding, STR("dpop")) || str_eq(binding, STR("certificate")) ||
	       str_eq(binding, STR("any"));
}

static bool profile_holds(struct str profile)
{
	return profile.p == NULL || str_eq(profile, STR("none")) || str_eq(profile, STR("fapi2"));
}

/* FAPI 2.0 Security Profile sections 5.3.2.1 and 5.3.3: clients authenticate with keys or
 * certificates, and their tokens are bound. What isn't given may be so already. */
static bool profile_is_met(const struct client_spec *c)
{
	if (!str_eq(c->profile, STR("fapi2")))
		return true;
	for (size_t i = 0; i < c->auth_methods.n; i++)
		if (!str_eq(c->auth_methods.v[i], STR("key")) && !str_eq(c->auth_methods.v[i], STR("certificate")))
			return false;
	return !str_eq(c->token_binding, STR("none"));
}

const char *secret_end_fault(const struct secret_end *end, int64_t now)
{
	if (end->in != 0 && end->at != 0)
		return "expires_in must not be given together with expires_at.";
	if (end->in != 0 && (end->in < SECRET_END_IN_MIN || end->in > SECRET_END_IN_MAX))
		return "expires_in must be an integer of seconds from 60 to 315360000.";
	if (end->at != 0 && end->at <= now)
		return "expires_at must be a time to come, such as 2027-01-31T00:00:00Z.";
	return NULL;
}

static const char *max_age_fault(int32_t seconds)
{
	bool good = seconds == 0 || (seconds >= SECRET_MAX_AGE_MIN && seconds <= SECRET_MAX_AGE_MAX);
	return good ? NULL : "secret_max_age must be an integer of seconds from 3600 to 315360000, or null for none.";
}

const char *client_spec_fault(const struct client_spec *c)
{
	if (!word_is_name(c->name))
		return "name must be text of at most 200 characters, " VISIBLE;
	if (!roles_hold(&c->roles))
		return "roles must be a list of admin, member and resource_server, each at most once.";
	if (!scopes_hold(&c->scopes))
		return "scopes must be a list of at most 64 different scope tokens (RFC 6749 section 3.3), 1024 bytes in all.";
	if (!audiences_hold(&c->audiences))
		return "audiences must be a list of 1 to 8 different audiences, each of 1 to 256 visible ASCII characters.";
	if (c->token_lifetime != 0 && (c->token_lifetime < CLIENT_LIFETIME_MIN || c->token_lifetime > CLIENT_LIFETIME_MAX))
		return "token_lifetime must be an integer of seconds from 60 to 2592000.";
	if (!token_type_holds(c->token_type))
		return "token_type must be JWT, at+jwt, or null for the default of the service.";
	if (!auth_methods_hold(&c->auth_methods))
		return "auth_methods must be a list of secret, key, certificate and workload, one at least, each at most once.";
	if (!token_binding_holds(c->token_binding))
		return "token_binding must be dpop, certificate, any, or null for none.";
	if (!profile_holds(c->profile))
		return "profile must be fapi2, or null for none.";
	return profile_is_met(c) ? NULL : err_info(ERR_PROFILE_UNMET)->text;
}

const char *client_new_fault(const struct client_spec *c)
{
	const char *fault = client_spec_fault(c);
	bool lacks = str_eq(c->profile, STR("fapi2")) && (c->token_binding.p == NULL || c->auth_methods.v == NULL);
	return fault == NULL && lacks ? err_info(ERR_PROFILE_UNMET)->text : fault;
}

static const char *outside_fault(struct str issuer, struct str external_id)
{
	if ((issuer.n > 0) != (external_id.n > 0))
		return "issuer and external_id must be given together.";
	if (issuer.n > 0 && !word_is_audience(issuer))
		return "issuer must be the iss of its tokens: 1 to 256 visible ASCII characters.";
	if (external_id.n > EXTERNAL_ID_MAX || !word_is_name(external_id))
		return "external_id must be text of 1 to 200 bytes, " VISIBLE;
	return NULL;
}

static const char *org_name_fault(struct str name)
{
	bool good = name.p == NULL || (name.n > 0 && word_is_name(name));
	return good ? NULL : "name must be text of 1 to 200 characters, " VISIBLE;
}

const char *org_spec_fault(const struct org_spec *o)
{
	struct uuid id;
	if (!word_is_slug(o->slug) || uuid_parse(o->slug, &id) == ERR_OK)
		return "slug must be 1 to 63 lower-case letters, digits and hyphens, not first a hyphen, and not shaped like a UUID.";
	const char *fault = org_name_fault(o->name);
	if (fault == NULL)
		fault = outside_fault(o->issuer, o->external_id);
	if (fault == NULL)
		fault = max_age_fault(o->secret_max_age);
	return fault != NULL ? fault : client_new_fault(&o->client);
}

const char *org_change_fault(const struct org_change *c)
{
	const char *fault = org_name_fault(c->name);
	if (fault == NULL)
		fault = outside_fault(c->issuer, c->external_id);
	return fault != NULL ? fault : max_age_fault(c->secret_max_age);
}
