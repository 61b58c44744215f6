/* Whatever bytes stand where a certificate should, its field, or a name that an admin registers:
 * nothing breaks, and a canonical name stays as it is. The first byte chooses which of them the
 * rest is. */
#include <stdint.h>
#include <stdlib.h>

#include "crypto/certificate.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void try_name(struct arena *a, enum certificate_name kind, struct str text)
{
	struct str once, twice;

	if (certificate_name_canonical(kind, text, a, &once) != ERR_OK)
		return;
	for (size_t i = 0; i < once.n; i++)
		must((unsigned char)once.p[i] >= ' ' && once.p[i] != 0x7f);
	/* escapes may lengthen a name beyond what is read */
	enum err err = certificate_name_canonical(kind, once, a, &twice);
	must(err == ERR_OK ? str_eq(once, twice) : once.n > 1024);
}

static void look_at(struct arena *a, struct certificate *c)
{
	const struct str *names;
	struct str subject;
	size_t n;

	must(certificate_thumbprint(c).n == THUMBPRINT_TEXT_LEN);
	(void)certificate_is_self_signed(c);
	must(certificate_subject(c, a, &subject) == ERR_OK);
	for (enum certificate_name kind = 0; kind < CERTIFICATE_NAME_COUNT; kind++) {
		if (certificate_names(c, kind, a, &names, &n) != ERR_OK)
			continue;
		must(n <= CERTIFICATE_NAMES_MAX);
		for (size_t i = 0; i < n; i++)
			try_name(a, kind, names[i]);
	}
	certificate_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct certificate *c;
	struct str der;

	must(crypto_init() == ERR_OK);
	if (size == 0)
		return 0;
	struct str rest = str_from(data + 1, size - 1);
	struct arena *a = arena_new(1 << 20);
	must(a != NULL);
	switch (data[0] % 8) {
	case 5:
		if (certificate_from_der(rest, &c) == ERR_OK)
			look_at(a, c);
		break;
	case 6:
		if (certificate_from_pem(rest, &c) == ERR_OK)
			look_at(a, c);
		break;
	case 7:
		if (certificate_field_decode(rest, a, &der) == ERR_OK)
			must(der.n <= CERTIFICATE_DER_MAX + 2);
		break;
	default:
		try_name(a, data[0] % 8, rest);
	}
	arena_free(a);
	return 0;
}
