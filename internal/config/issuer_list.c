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
}

/* ---- rules ---- */

static const char *find(struct str in, const char *what)
{
	return memmem(in.p, in.n, what, strlen(what));
}

bool issuer_is_https_url(struct str url)
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
	if ((e->jwks_file.p != NULL) + (e->jwks_url.p != NULL) + e->discovery != 1)
		fault(r, "jwks_file", "expected one of this, jwks_url and discovery");
	if (e->jwks_url.p != NULL && !issuer_is_https_url(e->jwks_url))
		fault(r, "jwks_url", "expected an https:// URL without user and fragment");
	if (e->discovery && e->issuer.issuer.p != NULL &&
	    (!issuer_is_https_url(e->issuer.issuer) || memchr(e->issuer.issuer.p, '?', e->issuer.issuer.n) != NULL ||
	     find(e->issuer.issuer, TENANT) != NULL))
		fault(r, "discovery", "goes with an issuer that is an https:// URL without " TENANT);
	if (e->ca_file.p != NULL && !issuer_is_fetched(e))
		fault(r, "ca_file", "goes with jwks_url and discovery only");
	if (e->bearer_file.p != NULL && !issuer_is_fetched(e))
		fault(r, "bearer_file", "goes with jwks_url and discovery only");
}

/* SPIFFE-ID section 2.1: lower case, and no more than DNS has. */
static bool is_trust_domain(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] >= 'A' && s.p[i] <= 'Z')
			return false;
	return s.n > 0 && s.n <= 255 && str_is_word(s, "-._");
}

/* A SPIFFE issuer is its trust domain's name. */
static void settle_spiffe(struct reading *r, struct trust_issuer *issuer, bool discovery)
{
	if (issuer->spiffe_trust_domain.p == NULL)
		return;
	if (!is_trust_domain(issuer->spiffe_trust_domain))
		fault(r, "spiffe_trust_domain", "expected a name such as example.org, in lower case, without spiffe://");
	if (issuer->issuer.p != NULL || discovery)
		fault(r, "spiffe_trust_domain", "goes without issuer and discovery");
	if (!issuer->workloads || issuer->organization_claim.p != NULL)
		fault(r, "spiffe_trust_domain", "goes with workloads, and without organization_claim");
	issuer->issuer = issuer->spiffe_trust_domain;
}

/* What an entry is for: bearers, workloads, or both. */
static void check_use(struct reading *r, const struct json *v, const struct trust_issuer *issuer)
{
	static const char *const of_bearers[] = {"audience", "roles_claim", "admin_role", "platform_role", "create_organizations"};
	bool bearers = issuer->organization_claim.p != NULL;
	if (issuer->issuer.p == NULL)
		fault(r, "issuer", "is missing");
	if (!bearers && !issuer->workloads)
		fault(r, "organization_claim", "is missing");
	if (bearers && issuer->audience.p == NULL)
		fault(r, "audience", "is missing");
	for (size_t i = 0; i < sizeof of_bearers / sizeof *of_bearers && !bearers && issuer->workloads; i++)
		if (json_get(v, of_bearers[i]) != NULL)
			fault(r, of_bearers[i], "goes with organization_claim only");
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
		{"issuer", TEXT, &e->issuer.issuer},
		{"audience", TEXT, &e->issuer.audience},
		{"jwks_file", TEXT, &e->jwks_file},
		{"jwks_url", TEXT, &e->jwks_url},
		{"discovery", FLAG, &e->discovery},
		{"ca_file", TEXT, &e->ca_file},
		{"bearer_file", TEXT, &e->bearer_file},
		{"organization_claim", TEXT, &e->issuer.organization_claim},
		{"roles_claim", TEXT, &e->issuer.roles_claim},
		{"admin_role", TEXT, &e->issuer.admin_role},
		{"platform_role", TEXT, &e->issuer.platform_role},
		{"create_organizations", FLAG, &e->issuer.create_organizations},
		{"workloads", FLAG, &e->issuer.workloads},
		{"spiffe_trust_domain", TEXT, &e->issuer.spiffe_trust_domain},
	};
	if (v->type != JSON_OBJECT) {
		fault(r, "it", "expected an object");
		return;
	}
	take_members(r, v, members, sizeof members / sizeof *members);
	settle_spiffe(r, &e->issuer, e->discovery);
	check_use(r, v, &e->issuer);
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

bool issuer_is_fetched(const struct issuer_entry *entry)
{
	return entry->jwks_url.p != NULL || entry->discovery;
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
		if (entries[i].issuer.spiffe_trust_domain.p != NULL)
			continue;
		if (is_form ? is_tenant_of(form, iss, tid) : str_eq(form, iss))
			return &entries[i];
	}
	return NULL;
}

const struct issuer_entry *issuer_find_spiffe(const struct issuer_entry *entries, size_t n, struct str sub)
{
	if (!str_starts(sub, STR("spiffe://")))
		return NULL;
	struct str rest = str_from(sub.p + 9, sub.n - 9);
	struct str domain = str_split(&rest, '/');
	for (size_t i = 0; i < n && rest.p != NULL; i++)
		if (entries[i].issuer.spiffe_trust_domain.p != NULL && str_eq(entries[i].issuer.spiffe_trust_domain, domain))
			return &entries[i];
	return NULL;
}
