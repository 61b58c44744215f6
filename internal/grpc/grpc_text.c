/* Each text is read or written in one pass over borrowed bytes; nothing here allocates but the
 * caller's sbuf. */
#include "grpc/grpc_text.h"

#define TIMEOUT_DIGITS_MAX 8

/* Microseconds in one unit; 0: no such unit. Nanoseconds, which are less than one, are the
 * caller's to know. */
static int64_t unit_us(char unit)
{
	switch (unit) {
	case 'H':
		return INT64_C(3600000000);
	case 'M':
		return 60000000;
	case 'S':
		return 1000000;
	case 'm':
		return 1000;
	case 'u':
		return 1;
	default:
		return 0;
	}
}

enum err grpc_timeout_us(struct str text, int64_t *ret_us)
{
	if (text.n < 2 || text.n > TIMEOUT_DIGITS_MAX + 1 || text.p[0] == '-')
		return ERR_MALFORMED;
	char unit = text.p[text.n - 1];
	int64_t us = unit_us(unit);
	int64_t value = 0;
	if ((us == 0 && unit != 'n') || str_to_i64(str_from(text.p, text.n - 1), 0, INT64_MAX, &value) != ERR_OK)
		return ERR_MALFORMED;

	/* Eight digits of hours are 3.6e17 microseconds: far from the end of an int64_t. */
	*ret_us = unit == 'n' ? (value + 999) / 1000 : value * us;
	return ERR_OK;
}

bool grpc_content_type_ok(struct str type)
{
	if (str_eq(type, STR("application/grpc")))
		return true;
	struct str essence = str_trim(str_split(&type, ';'));
	return str_eq_nocase(essence, STR("application/grpc")) || str_eq_nocase(essence, STR("application/grpc+proto"));
}

bool grpc_names_coding(struct str list, struct str coding)
{
	while (list.p != NULL)
		if (str_eq_nocase(str_trim(str_split(&list, ',')), coding))
			return true;
	return false;
}

void grpc_put_message(struct sbuf *out, struct str text)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c >= 0x20 && c <= 0x7e && c != '%') {
			sbuf_putc(out, text.p[i]);
			continue;
		}
		const char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
		sbuf_put(out, str_from(escape, sizeof escape));
	}
}
