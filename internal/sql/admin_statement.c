#include "sql/admin_statement.h"

#define PG_TEXT_ARRAY 1009

/* ---- parameters ---- */

void admin_put_org(struct pg_params *p, struct str slug_or_id)
{
	struct uuid id;
	bool is_id = uuid_parse(slug_or_id, &id) == ERR_OK;
	pg_put_text(p, is_id ? STR_NONE : slug_or_id);
	pg_put_uuid(p, is_id ? &id : NULL);
}

static void put_words(struct pg_params *p, const struct words *words)
{
	if (words->v == NULL)
		pg_put_raw(p, PG_TEXT_ARRAY, STR_NONE);
	else
		pg_put_array(p, PG_TEXT, words->v, words->n);
}

/* Of something new, an empty list for what wasn't given. */
static void put_all_words(struct pg_params *p, const struct words *words)
{
	pg_put_array(p, PG_TEXT, words->v, words->n);
}

static void put_networks(struct pg_params *p, const struct networks *networks)
{
	if (networks_given(networks))
		pg_put_array(p, PG_TEXT, networks->v, networks->any ? 0 : networks->n);
	else
		pg_put_raw(p, PG_TEXT_ARRAY, STR_NONE);
}

static void put_change(struct pg_params *p, enum change change)
{
	if (change == CHANGE_NONE)
		pg_put_raw(p, PG_BOOL, STR_NONE);
	else
		pg_put_bool(p, change == CHANGE_ON);
}

static void put_new_client(struct pg_params *p, const struct client_spec *spec)
{
	bool own_type = spec->token_type.p != NULL && !str_eq(spec->token_type, STR("default"));
	pg_put_text(p, spec->name);
	put_all_words(p, &spec->roles);
	put_all_words(p, &spec->scopes);
	put_all_words(p, &spec->audiences);
	pg_put_int4(p, spec->token_lifetime);
	pg_put_text(p, own_type ? spec->token_type : STR_NONE);
}

static void put_profile(struct pg_params *p, const struct client_spec *spec)
{
	pg_put_text(p, spec->token_binding);
	pg_put_text(p, spec->profile);
}

void admin_put_org_list(struct pg_params *p, const struct org_search *search, struct str after, int64_t limit)
{
	struct uuid id;
	bool is_id = search->search.p != NULL && uuid_parse(search->search, &id) == ERR_OK;
	pg_put_text(p, after);
	pg_put_int8(p, limit);
	pg_put_text(p, search->search);
	pg_put_uuid(p, is_id ? &id : NULL);
	put_change(p, search->disabled);
}

void admin_put_client_search(struct pg_params *p, const struct client_search *search, int64_t limit)
{
	pg_put_text(p, search->search);
	pg_put_int8(p, limit);
	pg_put_text(p, search->place == 0 ? STR_NONE : search->place == 'i' ? STR("i") : STR("n"));
	pg_put_text(p, search->place == 0 ? STR_NONE : search->after);
}

void admin_put_org_create(struct pg_params *p, const struct origin *o, const struct uuid *organization_id, const struct org_spec *spec,
			  const struct credential_new *fresh)
{
	origin_put(p, o);
	pg_put_uuid(p, organization_id);
	pg_put_text(p, spec->slug);
	pg_put_text(p, spec->name);
	pg_put_text(p, spec->issuer);
	pg_put_text(p, spec->external_id);
	pg_put_text(p, fresh->client_id);
	put_new_client(p, &spec->client);
	credential_put_kept(p, &fresh->kept);
	put_networks(p, &spec->networks);
	put_networks(p, &spec->client.networks);
	put_words(p, &spec->client.auth_methods);
	put_profile(p, &spec->client);
	pg_put_int4(p, spec->secret_max_age);
	credential_put_end(p, &spec->client.secret);
}

void admin_put_org_change(struct pg_params *p, const struct origin *o, struct str org, const struct org_change *change)
{
	bool named = change->external_id.n > 0;
	origin_put(p, o);
	admin_put_org(p, org);
	pg_put_text(p, change->name);
	pg_put_bool(p, change->external_id.p != NULL);
	pg_put_text(p, named ? change->issuer : STR_NONE);
	pg_put_text(p, named ? change->external_id : STR_NONE);
	put_change(p, change->disabled);
	put_networks(p, &change->networks);
	pg_put_int4_or_null(p, change->secret_max_age, !change->has_secret_max_age);
	put_words(p, &change->if_match);
}

void admin_put_org_delete(struct pg_params *p, const struct origin *o, struct str org, const struct words *if_match)
{
	origin_put(p, o);
	admin_put_org(p, org);
	put_words(p, if_match);
}

void admin_put_client_create(struct pg_params *p, const struct origin *o, const struct uuid *organization_id,
			     const struct client_spec *spec, const struct credential_new *fresh)
{
	origin_put(p, o);
	pg_put_uuid(p, organization_id);
	pg_put_text(p, fresh->client_id);
	put_new_client(p, spec);
	credential_put_kept(p, &fresh->kept);
	put_networks(p, &spec->networks);
	put_words(p, &spec->auth_methods);
	put_profile(p, spec);
	credential_put_end(p, &spec->secret);
}

void admin_put_client_change(struct pg_params *p, const struct origin *o, struct str org, struct str client_id,
			     const struct client_spec *change)
{
	origin_put(p, o);
	admin_put_org(p, org);
	pg_put_text(p, client_id);
	pg_put_text(p, change->name);
	put_words(p, &change->roles);
	put_words(p, &change->scopes);
	put_words(p, &change->audiences);
	pg_put_int4_or_null(p, change->token_lifetime, change->token_lifetime == 0);
	pg_put_text(p, change->token_type);
	put_change(p, change->disabled);
	put_change(p, change->is_default);
	put_networks(p, &change->networks);
	put_words(p, &change->auth_methods);
	put_profile(p, change);
	put_words(p, &change->if_match);
}

void admin_put_client_delete(struct pg_params *p, const struct origin *o, struct str org, struct str client_id,
			     const struct words *if_match)
{
	origin_put(p, o);
	admin_put_org(p, org);
	pg_put_text(p, client_id);
	put_words(p, if_match);
}

/* ---- rows ---- */

static struct str text(const PGresult *r, int row, int col, struct arena *a)
{
	return arena_copy(a, pg_str(r, row, col));
}

/* Of a statement that tells it. */
static struct str tag(const PGresult *r, int row, struct arena *a)
{
	int col = PQfnumber(r, "tag");
	return col < 0 ? STR_NONE : text(r, row, col, a);
}

static struct str networks(const PGresult *r, int row, int col, struct arena *a)
{
	return pg_is_null(r, row, col) ? STR_NONE : pg_text_array_joined(r, row, col, a);
}

static int64_t clients(const PGresult *r, int row)
{
	int col = PQfnumber(r, "clients");
	return col < 0 ? -1 : pg_int8(r, row, col);
}

void admin_take_org(const PGresult *r, int row, struct arena *a, struct org *ret)
{
	*ret = (struct org){
		.organization_id = pg_uuid(r, row, 1),
		.slug = text(r, row, 2, a),
		.name = text(r, row, 3, a),
		.issuer = text(r, row, 4, a),
		.external_id = text(r, row, 5, a),
		.client_id = text(r, row, 6, a),
		.created_at = pg_time_us(r, row, 7),
		.disabled_at = pg_time_us(r, row, 8),
		.networks = networks(r, row, 9, a),
		.secret_max_age = pg_int4(r, row, 10),
		.clients = clients(r, row),
		.tag = tag(r, row, a),
	};
}

void admin_take_client(const PGresult *r, int row, struct arena *a, struct client *ret)
{
	*ret = (struct client){
		.client_id = text(r, row, 1, a),
		.organization_id = pg_uuid(r, row, 2),
		.organization = text(r, row, 3, a),
		.is_default = pg_bool(r, row, 4),
		.name = text(r, row, 5, a),
		.roles = pg_text_array_joined(r, row, 6, a),
		.scopes = pg_text_array_joined(r, row, 7, a),
		.audiences = pg_text_array_joined(r, row, 8, a),
		.token_lifetime = pg_int4(r, row, 9),
		.token_type = text(r, row, 10, a),
		.secret_version = pg_int4(r, row, 11),
		.hint = text(r, row, 12, a),
		.secret_created_at = pg_time_us(r, row, 13),
		.created_at = pg_time_us(r, row, 14),
		.disabled_at = pg_time_us(r, row, 15),
		.networks = networks(r, row, 16, a),
		.auth_methods = pg_text_array_joined(r, row, 17, a),
		.token_binding = text(r, row, 18, a),
		.profile = text(r, row, 19, a),
		.secret_expires_at = pg_time_us(r, row, 20),
		.secret_created_by = text(r, row, 21, a),
		.tag = tag(r, row, a),
	};
}

void admin_take_found_client(const PGresult *r, int row, struct arena *a, struct found_client *ret)
{
	*ret = (struct found_client){
		.client_id = text(r, row, 1, a),
		.name = text(r, row, 2, a),
		.organization_id = pg_uuid(r, row, 3),
		.slug = text(r, row, 4, a),
		.organization_name = text(r, row, 5, a),
		.disabled_at = pg_time_us(r, row, 6),
		.created_at = pg_time_us(r, row, 7),
		.last_used_at = pg_time_us(r, row, 8),
	};
}

char admin_take_place(const PGresult *r, int row)
{
	struct str place = pg_str(r, row, PQnfields(r) - 1);
	return place.n == 1 ? place.p[0] : 'i';
}
