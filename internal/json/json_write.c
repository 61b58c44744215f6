/* A comma goes before every value but the first one of its bracket; that is all the state there
 * is. */
#include "json/json_write.h"

#include <string.h>

struct json_out json_out_start(struct sbuf *buf)
{
	return (struct json_out){.buf = buf};
}

/* What stands before a value: the comma if one is due, and the key in an object. */
static void lead_in(struct json_out *o, const char *key)
{
	if (key != NULL)
		sbuf_put_json_key(o->buf, o->comma, str_of(key));
	else if (o->comma)
		sbuf_putc(o->buf, ',');
	o->comma = true;
}

void json_open(struct json_out *o, const char *key, char bracket)
{
	lead_in(o, key);
	sbuf_putc(o->buf, bracket);
	o->comma = false;
}

void json_close(struct json_out *o, char bracket)
{
	sbuf_putc(o->buf, bracket);
	o->comma = true;
}

void json_put_str(struct json_out *o, const char *key, struct str value)
{
	lead_in(o, key);
	sbuf_put_json(o->buf, value);
}

void json_put_int(struct json_out *o, const char *key, int64_t value)
{
	lead_in(o, key);
	sbuf_puti(o->buf, value);
}

void json_put_bool(struct json_out *o, const char *key, bool value)
{
	lead_in(o, key);
	sbuf_putz(o->buf, value ? "true" : "false");
}

void json_put_word_or_words(struct json_out *o, const char *key, struct str words)
{
	if (words.p == NULL || memchr(words.p, ' ', words.n) == NULL) {
		if (words.p != NULL)
			json_put_str(o, key, words);
		return;
	}
	json_open(o, key, '[');
	for (struct str word; (word = str_split(&words, ' ')).p != NULL;)
		json_put_str(o, NULL, word);
	json_close(o, ']');
}

void json_put_raw(struct json_out *o, const char *key, struct str json)
{
	lead_in(o, key);
	sbuf_put(o->buf, json);
}

static void put_scalar(struct sbuf *buf, const struct json *v)
{
	static const char *const words[] = {[JSON_NULL] = "null", [JSON_FALSE] = "false", [JSON_TRUE] = "true"};
	if (v->type == JSON_STRING)
		sbuf_put_json(buf, v->text);
	else if (v->type == JSON_NUMBER)
		sbuf_put(buf, v->text);
	else
		sbuf_putz(buf, words[v->type]);
}

/* Its depth is what json_parse let in. */
void json_put_value(struct json_out *o, const struct json *v)
{
	lead_in(o, NULL);
	if (v->type != JSON_OBJECT && v->type != JSON_ARRAY) {
		put_scalar(o->buf, v);
		return;
	}
	sbuf_putc(o->buf, v->type == JSON_OBJECT ? '{' : '[');
	o->comma = false;
	for (const struct json *one = v->child; one != NULL; one = one->next) {
		if (one->key.p != NULL) {
			lead_in(o, NULL);
			sbuf_put_json(o->buf, one->key);
			sbuf_putc(o->buf, ':');
			o->comma = false;
		}
		json_put_value(o, one);
	}
	json_close(o, v->type == JSON_OBJECT ? '}' : ']');
}
