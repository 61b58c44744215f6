#include "trust/claim.h"

#define ORGANIZATION_MAX 200 /* bytes */

static const struct json *member(const struct json *object, struct str name)
{
	if (object == NULL || object->type != JSON_OBJECT)
		return NULL;
	for (const struct json *m = object->child; m != NULL; m = m->next)
		if (str_eq(m->key, name))
			return m;
	return NULL;
}

/* `key` is `written` with ~1 for a slash and ~0 for a tilde (RFC 6901 section 4). */
static bool is_escaped_as(struct str key, struct str written)
{
	size_t i = 0;
	for (size_t w = 0; w < written.n; w++, i++) {
		char c = written.p[w];
		if (c == '~' && ++w < written.n)
			c = written.p[w] == '1' ? '/' : written.p[w] == '0' ? '~' : '\0';
		if (i >= key.n || key.p[i] != c)
			return false;
	}
	return i == key.n;
}

static const struct json *pointed_at(const struct json *object, struct str token)
{
	if (object == NULL || object->type != JSON_OBJECT)
		return NULL;
	const struct json *m = object->child;
	while (m != NULL && !is_escaped_as(m->key, token))
		m = m->next;
	return m;
}

const struct json *claim_find(const struct json *claims, struct str name)
{
	const struct json *found = member(claims, name);
	if (found != NULL)
		return found;
	bool pointer = str_starts(name, STR("/"));
	struct str rest = pointer ? str_from(name.p + 1, name.n - 1) : name;
	found = claims;
	for (unsigned i = 0; i < CLAIM_PATH_MAX && rest.p != NULL; i++)
		found = pointer ? pointed_at(found, str_split(&rest, '/')) : member(found, str_split(&rest, '.'));
	return rest.p == NULL ? found : NULL;
}

static bool is_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
	return s.n > 0 && s.n <= ORGANIZATION_MAX;
}

enum err claim_organization(const struct json *claims, struct str name, struct str *ret)
{
	const struct json *claim = claim_find(claims, name);
	struct str found = STR_NONE;
	if (claim == NULL)
		return ERR_NOT_PRESENT;
	if (claim->type == JSON_STRING)
		found = claim->text;
	else if (claim->child == NULL || claim->child->next != NULL)
		return ERR_MALFORMED;
	else if (claim->type == JSON_OBJECT)
		found = claim->child->key;
	else if (claim->child->type == JSON_STRING)
		found = claim->child->text;
	if (!is_name(found))
		return ERR_MALFORMED;
	*ret = found;
	return ERR_OK;
}

static bool has_word(struct str words, struct str wanted)
{
	for (struct str word; (word = str_split(&words, ' ')).p != NULL;)
		if (str_eq(word, wanted))
			return true;
	return false;
}

static bool has_string(const struct json *array, struct str wanted)
{
	for (const struct json *one = array->child; one != NULL; one = one->next)
		if (one->type == JSON_STRING && str_eq(one->text, wanted))
			return true;
	return false;
}

/* The role of an object's member, given everywhere (true) or in the organizations that are
 * named. */
static bool is_given(const struct json *value, struct str organization)
{
	if (value == NULL || value->type != JSON_OBJECT)
		return value != NULL && value->type == JSON_TRUE;
	for (const struct json *m = value->child; m != NULL; m = m->next)
		if (organization.p == NULL || str_eq(m->key, organization) || (m->type == JSON_STRING && str_eq(m->text, organization)))
			return true;
	return false;
}

bool claim_has_role(const struct json *claims, struct str name, struct str role, struct str organization)
{
	const struct json *claim = claim_find(claims, name);
	if (claim == NULL)
		return false;
	if (claim->type == JSON_OBJECT)
		return is_given(member(claim, role), organization);
	return claim->type == JSON_STRING ? has_word(claim->text, role) : claim->type == JSON_ARRAY && has_string(claim, role);
}

bool claim_has_audience(const struct json *claims, struct str audience)
{
	const struct json *claim = json_get(claims, "aud");
	if (claim == NULL)
		return false;
	return claim->type == JSON_STRING ? str_eq(claim->text, audience) : claim->type == JSON_ARRAY && has_string(claim, audience);
}
