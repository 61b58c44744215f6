#include "client_options.h"

int client_options_check(struct ctl *ctl, const struct client_options *o, struct str name)
{
	int status = check_roles(ctl, &o->roles, true);
	if (status == EXIT_DONE)
		status = check_scopes(ctl, &o->scopes);
	if (status == EXIT_DONE)
		status = check_audiences(ctl, &o->audiences);
	if (status == EXIT_DONE)
		status = check_auth_methods(ctl, &o->auth_methods);
	if (status != EXIT_DONE)
		return status;
	struct client_spec spec = client_options_change(o);
	spec.name = name;
	return check_spec(ctl, client_spec_fault(&spec));
}

int check_new_client(struct ctl *ctl, const struct client_options *o)
{
	struct client_spec spec = client_options_change(o);
	return check_spec(ctl, client_new_fault(&spec));
}

bool client_options_given(const struct client_options *o)
{
	return o->roles.n + o->scopes.n + o->audiences.n + o->auth_methods.n > 0 || o->lifetime != 0 || o->token_type.p != NULL ||
	       o->token_binding.p != NULL || o->profile.p != NULL;
}

struct client_spec client_options_change(const struct client_options *o)
{
	return (struct client_spec){
		.roles = roles_of(&o->roles),
		.scopes = words_of(&o->scopes),
		.audiences = words_of(&o->audiences),
		.token_lifetime = o->lifetime,
		.token_type = o->token_type,
		.auth_methods = words_of(&o->auth_methods),
		.token_binding = o->token_binding,
		.profile = o->profile,
	};
}

static void default_to(struct word_list *list, struct str word)
{
	if (list->n == 0)
		list->v[list->n++] = word;
}

struct client_spec client_options_complete(const struct ctl *ctl, struct client_options *o, struct str role)
{
	default_to(&o->roles, role.p != NULL ? role : STR("none"));
	default_to(&o->scopes, ctl->config.default_scope);
	default_to(&o->audiences, ctl->config.default_audience);
	if (o->lifetime == 0)
		o->lifetime = LIFETIME_DEFAULT;
	return client_options_change(o);
}
