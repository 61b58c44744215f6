#include "sql/client_credential.h"

#include "config/words.h"
#include "crypto/client_key.h"
#include "json/json_read.h"
#include "json/json_write.h"

/* As deep as a JWK with certificates, in a set. */
static const struct json_limits limits = {.max_depth = 5, .max_values = 96};

static enum err refuse(const char *why, const char **ret_why)
{
	*ret_why = why;
	return ERR_MALFORMED;
}

/* *text becomes the JWK of a set of one (RFC 7517 section 5); anything but a set stays. False: a
 * set of several, or of none. */
static bool only_key(struct arena *a, struct str *text)
{
	const struct json *set = NULL;
	const struct json *keys = json_parse(a, *text, limits, &set) == ERR_OK ? json_get(set, "keys") : NULL;
	if (keys == NULL)
		return true;
	if (keys->type != JSON_ARRAY || keys->child == NULL || keys->child->next != NULL)
		return false;
	struct sbuf out = sbuf_in(a, text->n);
	struct json_out o = json_out_start(&out);
	json_put_value(&o, keys->child);
	*text = sbuf_str(&out);
	return true;
}

enum err client_credential_read_key(struct arena *a, struct str text, struct str name, int64_t expires_at, int64_t now,
				    struct client_credential_spec *ret, const char **ret_why)
{
	struct client_key key;
	if (!word_is_name(name))
		return refuse("name must be text of at most 200 characters, without control characters, invisible ones and marks of "
			      "direction.",
			      ret_why);
	if (expires_at != 0 && expires_at <= now)
		return refuse("expires_at must be a time to come, in the form of RFC 3339.", ret_why);
	if (text.n > CLIENT_KEY_TEXT_MAX)
		return refuse("The key is longer than 16 KiB.", ret_why);
	if (!only_key(a, &text))
		return refuse("This JWK Set doesn't hold one key; register its keys one by one.", ret_why);
	enum err err = client_key_read(a, text, &key, ret_why);
	if (err != ERR_OK)
		return err;
	*ret = (struct client_credential_spec){
		.credential_id = arena_copy(a, str_of(key.thumbprint_text)),
		.kind = STR("key"),
		.public_jwk = key.jwk,
		.name = name,
		.expires_at = expires_at,
	};
	return ret->credential_id.p != NULL ? ERR_OK : ERR_NO_MEMORY;
}
