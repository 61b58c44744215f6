/* Split at '&' and '=', decode, refuse what can't be meant. */
#include "rest/form.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

static bool is_utf8(struct str s)
{
	while (s.n > 0) {
		size_t n = utf8_next(s);
		if (n == 0)
			return false;
		s = str_from(s.p + n, s.n - n);
	}
	return true;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte)) /* of a word's eight bytes */

/* Zero, unless one of w's bytes is a control character or beyond ASCII, or is `a` or `b`. Which
 * bits are set tells nothing: a byte that is borrowed from may be flagged too. */
static uint64_t special_of(uint64_t w, unsigned char a, unsigned char b)
{
	uint64_t control = (w - EACH(0x20)) | (w + EACH(1)); /* below 0x20; 0x7f */
	return (w | control | ((w ^ EACH(a)) - EACH(1)) | ((w ^ EACH(b)) - EACH(1))) & EACH(0x80);
}

/* Each byte stands for itself, as in most values. Eight at a time, since tokens are long. */
static bool is_plain(struct str s, bool plus)
{
	const unsigned char space = plus ? '+' : '%';
	uint64_t special = 0;
	for (; s.n >= sizeof special; s = str_from(s.p + sizeof special, s.n - sizeof special)) {
		uint64_t word;
		memcpy(&word, s.p, sizeof word);
		special |= special_of(word, '%', space);
	}
	uint64_t last = EACH('a');
	memcpy(&last, s.p, s.n);
	return (special | special_of(last, '%', space)) == 0;
}

static enum err copy(struct arena *a, struct str s, struct str *ret)
{
	struct str made = arena_copy(a, s);
	if (made.p == NULL)
		return ERR_TOO_LARGE;
	*ret = made;
	return ERR_OK;
}

enum err form_decode(struct arena *a, struct str s, bool plus, struct str *ret)
{
	if (s.p == NULL)
		s = STR("");
	if (is_plain(s, plus))
		return copy(a, s, ret);
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;
	unsigned char all = 0; /* the bits that any byte has */
	if (out == NULL)
		return ERR_TOO_LARGE;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '+' && plus) {
			c = ' ';
		} else if (c == '%') {
			int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
			int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
			if (high < 0 || low < 0)
				return ERR_MALFORMED;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if ((unsigned char)c < 0x20 || c == 0x7f)
			return ERR_MALFORMED;
		out[n++] = c;
		all |= (unsigned char)c;
	}
	struct str decoded = str_from(out, n);
	if (all >= 0x80 && !is_utf8(decoded))
		return ERR_MALFORMED;
	*ret = decoded;
	return ERR_OK;
}

/* After form_decode has failed. */
static enum form_fault fault_of(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '%') {
			if (i + 2 >= s.n || hex_digit(s.p[i + 1]) < 0 || hex_digit(s.p[i + 2]) < 0)
				return FORM_FAULT_ESCAPE;
			c = (unsigned char)(hex_digit(s.p[i + 1]) << 4 | hex_digit(s.p[i + 2]));
			i += 2;
		}
		if (c < 0x20 || c == 0x7f)
			return FORM_FAULT_CONTROL;
	}
	return FORM_FAULT_UTF8;
}

static enum err refuse(struct form *form, enum form_fault fault, struct str culprit)
{
	form->fault = fault;
	form->culprit = culprit;
	return fault == FORM_FAULT_MEMORY ? ERR_TOO_LARGE : ERR_MALFORMED;
}

static enum err refuse_text(struct form *form, enum err err, struct str text, struct str culprit)
{
	return refuse(form, err == ERR_TOO_LARGE ? FORM_FAULT_MEMORY : fault_of(text), culprit);
}

static bool stands_already(const struct form *form, struct str name)
{
	for (unsigned i = 0; i < form->n; i++)
		if (str_eq(form->fields[i].name, name))
			return true;
	return false;
}

enum err form_parse(struct arena *a, struct str body, const char *repeatable, struct form *ret)
{
	ret->n = 0;
	struct str rest = body.n == 0 ? STR_NONE : body;
	while (rest.p != NULL) {
		struct str value = str_split(&rest, '&');
		if (value.n == 0)
			continue;
		struct form_field f;
		struct str name = str_split(&value, '=');
		if (value.p == NULL)
			value = STR("");
		if (ret->n == FORM_FIELDS_MAX)
			return refuse(ret, FORM_FAULT_FIELDS, STR_NONE);
		enum err err = form_decode(a, name, true, &f.name);
		if (err != ERR_OK)
			return refuse_text(ret, err, name, name);
		err = form_decode(a, value, true, &f.value);
		if (err != ERR_OK)
			return refuse_text(ret, err, value, f.name);
		if (stands_already(ret, f.name) && (repeatable == NULL || !str_eq(f.name, str_of(repeatable))))
			return refuse(ret, FORM_FAULT_REPEATED, f.name);
		ret->fields[ret->n++] = f;
	}
	return ERR_OK;
}

struct str form_get(const struct form *form, const char *name)
{
	for (unsigned i = 0; i < form->n; i++)
		if (str_eq(form->fields[i].name, str_of(name)))
			return form->fields[i].value.n == 0 ? STR_NONE : form->fields[i].value;
	return STR_NONE;
}

struct str form_get_all(struct arena *a, const struct form *form, const char *name)
{
	struct str all = STR_NONE;
	for (unsigned i = 0; i < form->n; i++) {
		struct str value = form->fields[i].value;
		if (value.n == 0 || !str_eq(form->fields[i].name, str_of(name)))
			continue;
		all = all.p == NULL ? value : arena_printf(a, "%.*s %.*s", STR_ARG(all), STR_ARG(value));
	}
	return all;
}
