/* Writing JSON objects and arrays into an sbuf: commas and quoting are taken care of, order is
 * the caller's.
 *
 *   struct json_out o = json_out_start(&buf);
 *   json_open(&o, NULL, '{'); json_put_str(&o, "client_id", id); json_put_int(&o, "version", 3);
 *   json_close(&o, '}'); */
#ifndef M2M_JSON_JSON_WRITE_H
#define M2M_JSON_JSON_WRITE_H

#include "base/sbuf.h"
#include "json/json_read.h"

struct json_out {
	struct sbuf *buf;
	bool comma;
};

struct json_out json_out_start(struct sbuf *buf);
/* `key` is NULL for the outermost value and for array elements, and is written as it is (our own
 * literals only). */
void json_open(struct json_out *o, const char *key, char bracket);
void json_close(struct json_out *o, char bracket);
void json_put_str(struct json_out *o, const char *key, struct str value); /* absent: null */
void json_put_int(struct json_out *o, const char *key, int64_t value);
void json_put_bool(struct json_out *o, const char *key, bool value);
/* A string for one word, an array for several, as `aud` is (RFC 7519 section 4.1.3). `words` are
 * separated by single spaces; absent: nothing is written. */
void json_put_word_or_words(struct json_out *o, const char *key, struct str words);
void json_put_raw(struct json_out *o, const char *key, struct str json); /* ready JSON text */
/* What was read, with all that is in it: outermost, or an array's element. */
void json_put_value(struct json_out *o, const struct json *v);

#endif
