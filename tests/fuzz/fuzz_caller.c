/* Whatever a proxy, or who claims to be one, says of the caller: X-Forwarded-For, Forwarded, the
 * PROXY header. A caller's address can be parsed again and gives the same text; of a header's
 * bytes none is taken that isn't wanted. The first byte of the input says which of the three it
 * is, and how long the pieces are. */
#include <stdlib.h>

#include "base/forwarded.h"
#include "base/proxy_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void must_be_canonical(struct str text)
{
	char again[IP_TEXT_MAX];
	struct ip ip;
	must(text.p == NULL || (ip_parse(text, &ip) && str_eq(ip_text(&ip, again), text)));
}

static void note(enum forwarded_form form, struct str value, size_t lines)
{
	const struct proxies proxies = {.form = form, .n = 1, .networks = {{.base = {4, {10}}, .bits = 8}}};
	const struct ip peer = {4, {10, 0, 0, 1}};
	const struct remote remote = remote_of(&proxies, &peer);
	struct forwarded f;
	char text[IP_TEXT_MAX];
	forwarded_begin(&f, &proxies, &remote);
	for (size_t i = 0; i < lines; i++)
		forwarded_note(&f, form == FORWARDED_RFC7239 ? STR("Forwarded") : STR("x-forwarded-for"), value);
	must_be_canonical(forwarded_text(&f, text));
}

static void feed(const uint8_t *p, size_t n, size_t piece)
{
	const struct ip own = {4, {10, 0, 0, 1}};
	struct proxy_header h;
	char text[IP_TEXT_MAX];
	proxy_header_init(&h);
	for (size_t wanted; (wanted = proxy_header_wants(&h)) > 0;) {
		size_t now = wanted < piece ? wanted : piece;
		if (now > n || !proxy_header_feed(&h, p, now))
			return;
		p += now;
		n -= now;
	}
	struct ip source = proxy_header_source(&h, &own);
	must_be_canonical(ip_text(&source, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	size_t piece = data[0] / 3 + 1;
	if (data[0] % 3 == 0)
		feed(data + 1, size - 1, piece);
	else
		note(data[0] % 3 == 1 ? FORWARDED_X_FORWARDED_FOR : FORWARDED_RFC7239, str_from(data + 1, size - 1), piece % 4 + 1);
	return 0;
}
