#include "config/issuer_list.h"

#include <stdlib.h>

#include "config/words.h"
#include "json/json_read.h"

#define LIST_ARENA_MAX (4 << 20)
#define TENANT         "{tenantid}"
#define TENANT_MAX     64

struct reading {
	struct issuer_list *list;
	struct sbuf *why;
	size_t place; /* from 1 */
	bool faulty;
};

static void fault(struct reading *r, const char *member, const char *expected)
{
	r->faulty = true;
	sbuf_printf(r->why, "M2M_TRUSTED_ISSUERS: issuer %zu: %s: %s\n", r->place, member, expected);
}

/* ---- members ---- */

enum kind { TEXT, FLAG };

struct member {
	const char *name;
	enum kind kind;
	bool required;
	void *target;
};

static void take_member(struct reading *r, const struct member *m, const struct json *v)
{
	struct str text = STR_NONE;
	if (m->kind == FLAG && (v->type == JSON_TRUE || v->type == JSON_FALSE))
		*(bool *)m->target = v->type == JSON_TRUE;
	else if (m->kind == FLAG)
		fault(r, m->name, "expected true or false");
	else if (json_string(v, &text) != ERR_OK || text.n == 0 || !word_is_name(text) || text.n > 1024)
		fault(r, m->name, "expected text that isn't empty");
	else
		*(struct str *)m->target = text;
}

static void take_members(struct reading *r, const struct json *object, const struct member *members, size_t n)
{
	for (const struct json *v = object->child; v != NULL; v = v->next) {
		size_t i = 0;
		while (i < n && !str_eq(v->key, str_of(members[i].name)))
			i++;
		if (i < n)
			take_member(r, &members[i], v);
		else
			fault(r, arena_printf(r->list->arena, "%.*s", STR_ARG(v->key)).p, "there is no such member");
	}
	for (size_t i = 0; i < n; i++)
		if (members[i].required && json_get(object, members[i].name) == NULL)
			fault(r, members[i].name, "is missing");
}

/* ---- rules ---- */

static const char *find(struct str in, const char *what)
{
	return memmem(in.p, in.n, what, strlen(what));
}

/* https, a host, and nothing that a request would not send or that would hide another host. */
static bool is_https_url(struct str url)
{
	if (!str_starts(url, STR("https://")) || !word_is_audience(url) || memchr(url.p, '#', url.n) != NULL)
		return false;
	struct str rest = str_from(url.p + 8, url.n - 8);
	struct str authority = str_split(&rest, '/');
	return authority.n > 0 && memchr(authority.p, '@', authority.n) == NULL && memchr(authority.p, '?', authority.n) == NULL;
}

static void check_issuer(struct reading *r, struct str issuer, struct str own_issuer)
{
	if (issuer.p == NULL)
		return;
	const char *tenant = find(issuer, TENANT);
	if (!word_is_audience(issuer))
		fault(r, "issuer", "expected the token's iss: visible ASCII characters, at most 256");
	else if (str_eq(issuer, own_issuer))
		fault(r, "issuer", "is this service's own (M2M_ISSUER)");
	else if (tenant != NULL && find(str_from(tenant + 1, issuer.n - (size_t)(tenant + 1 - issuer.p)), TENANT) != NULL)
		fault(r, "issuer", TENANT " may stand once");
}

static void check_keys(struct reading *r, const struct issuer_entry *e)
{
	if ((e->jwks_file.p != NULL) == (e->jwks_url.p != NULL))
		fault(r, "jwks_file", "expected either this or jwks_url");
	if (e->jwks_url.p != NULL && !is_https_url(e->jwks_url))
		fault(r, "jwks_url", "expected an https:// URL without user and fragment");
	if (e->ca_file.p != NULL && e->jwks_url.p == NULL)
		fault(r, "ca_file", "goes with jwks_url only");
}

static void check_unique(struct reading *r, struct str issuer)
{
	for (size_t i = 0; i + 1 < r->place; i++)
		if (issuer.p != NULL && str_eq(r->list->entries[i].issuer.issuer, issuer))
			fault(r, "issuer", "is in the list already");
}

static void take_entry(struct reading *r, const struct json *v, struct str own_issuer)
{
	struct issuer_entry *e = &r->list->entries[r->place - 1];
	*e = (struct issuer_entry){.issuer = {.roles_claim = STR("roles"), .admin_role = STR("admin")}};
	const struct member members[] = {
		{"issuer", TEXT, true, &e->issuer.issuer},
		{"audience", TEXT, true, &e->issuer.audience},
		{"jwks_file", TEXT, false, &e->jwks_file},
		{"jwks_url", TEXT, false, &e->jwks_url},
		{"ca_file", TEXT, false, &e->ca_file},
		{"organization_claim", TEXT, true, &e->issuer.organization_claim},
		{"roles_claim", TEXT, false, &e->issuer.roles_claim},
		{"admin_role", TEXT, false, &e->issuer.admin_role},
		{"platform_role", TEXT, false, &e->issuer.platform_role},
		{"create_organizations", FLAG, false, &e->issuer.create_organizations},
	};
	if (v->type != JSON_OBJECT) {
		fault(r, "it", "expected an object");
		return;
	}
	take_members(r, v, members, sizeof members / sizeof *members);
	check_issuer(r, e->issuer.issuer, own_issuer);
	check_unique(r, e->issuer.issuer);
	check_keys(r, e);
}

static void take_list(struct reading *r, struct str text, struct str own_issuer)
{
	static const struct json_limits limits = {.max_depth = 2, .max_values = 32 * ISSUERS_MAX};
	const struct json *array = NULL;
	if (text.n > ISSUERS_TEXT_MAX || json_parse(r->list->arena, text, limits, &array) != ERR_OK || array->type != JSON_ARRAY) {
		sbuf_putz(r->why, "M2M_TRUSTED_ISSUERS: expected a JSON list of objects without repeated names\n");
		r->faulty = true;
		return;
	}
	size_t n = 0;
	for (const struct json *v = array->child; v != NULL; v = v->next)
		n++;
	r->list->entries = n <= ISSUERS_MAX ? arena_alloc(r->list->arena, n * sizeof *r->list->entries) : NULL;
	if (r->list->entries == NULL) {
		sbuf_printf(r->why, "M2M_TRUSTED_ISSUERS: expected at most %d issuers\n", ISSUERS_MAX);
		r->faulty = true;
		return;
	}
	for (const struct json *v = array->child; v != NULL; v = v->next) {
		r->place++;
		take_entry(r, v, own_issuer);
	}
	r->list->n = n;
}

enum err issuer_list_parse(struct str text, struct str own_issuer, struct issuer_list **ret, struct sbuf *why)
{
	struct issuer_list *list = calloc(1, sizeof *list);
	if (list == NULL || (list->arena = arena_new(LIST_ARENA_MAX)) == NULL) {
		free(list);
		return ERR_NO_MEMORY;
	}
	struct reading r = {.list = list, .why = why};
	take_list(&r, text, own_issuer);
	if (r.faulty || arena_overflowed(list->arena)) {
		issuer_list_free(list);
		return r.faulty ? ERR_MALFORMED : ERR_NO_MEMORY;
	}
	*ret = list;
	return ERR_OK;
}

void issuer_list_free(struct issuer_list *list)
{
	if (list == NULL)
		return;
	arena_free(list->arena);
	free(list);
}

/* ---- finding ---- */

/* `form` with `tid` in the place of {tenantid}. */
static bool is_tenant_of(struct str form, struct str iss, struct str tid)
{
	const char *place = find(form, TENANT);
	if (place == NULL || tid.n == 0 || tid.n > TENANT_MAX || !str_is_word(tid, "-"))
		return false;
	struct str before = str_from(form.p, (size_t)(place - form.p));
	struct str after = str_from(place + sizeof TENANT - 1, form.n - before.n - (sizeof TENANT - 1));
	return iss.n == before.n + tid.n + after.n && str_starts(iss, before) && str_eq(str_from(iss.p + before.n, tid.n), tid) &&
	       str_eq(str_from(iss.p + before.n + tid.n, after.n), after);
}

const struct issuer_entry *issuer_find(const struct issuer_entry *entries, size_t n, struct str iss, struct str tid)
{
	for (size_t i = 0; i < n; i++) {
		struct str form = entries[i].issuer.issuer;
		bool is_form = find(form, TENANT) != NULL;
		if (is_form ? is_tenant_of(form, iss, tid) : str_eq(form, iss))
			return &entries[i];
	}
	return NULL;
}
