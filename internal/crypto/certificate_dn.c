/* An attribute's type and value -> canonical text. Those of a certificate come from OpenSSL, those
 * of a text are taken apart here; what follows is the same for both.
 *
 * Of an RDN with several attributes the order means nothing, so they are sorted. */
#include "crypto/certificate_dn.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/starved.h"

#define RDN_MAX       16 /* attributes of one RDN */
#define TYPE_MAX      128
#define VALUE_MAX     1024
#define ATTRIBUTE_MAX (TYPE_MAX + 3 * VALUE_MAX + 2)

struct rdn {
	unsigned n;
	char *attributes[RDN_MAX]; /* "type=value", from strdup */
};

static void rdn_clear(struct rdn *rdn)
{
	for (unsigned i = 0; i < rdn->n; i++)
		free(rdn->attributes[i]);
	rdn->n = 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* ---- one attribute ---- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* RFC 4514 section 3's, and what certificates have besides. OpenSSL knows another "uid". */
static const struct {
	const char *name;
	int nid;
} types[] = {
	{"CN", NID_commonName},
	{"L", NID_localityName},
	{"ST", NID_stateOrProvinceName},
	{"O", NID_organizationName},
	{"OU", NID_organizationalUnitName},
	{"C", NID_countryName},
	{"STREET", NID_streetAddress},
	{"DC", NID_domainComponent},
	{"UID", NID_userId},
	{"emailAddress", NID_pkcs9_emailAddress},
	{"serialNumber", NID_serialNumber},
	{"organizationIdentifier", NID_organizationIdentifier},
};

/* RFC 4514 section 2.3: its name where it has one here, else the OID. */
static bool put_type(const ASN1_OBJECT *type, struct sbuf *out)
{
	char oid[TYPE_MAX];

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (types[i].nid == OBJ_obj2nid(type)) {
			sbuf_putz(out, types[i].name);
			return true;
		}
	}
	int n = OBJ_obj2txt(oid, sizeof oid, type, 1);
	if (n <= 0 || n >= (int)sizeof oid)
		return false;
	sbuf_putz(out, oid);
	return true;
}

/* Folded, and escaped where RFC 4514 section 2.4 says so. */
static bool put_folded(struct str value, struct sbuf *out)
{
	struct str s = str_trim(value);

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c < 0x20 || c == 0x7f)
			return false;
		if (c == ' ' && s.p[i - 1] == ' ')
			continue;
		if (strchr("\"+,;<>\\", c) != NULL || (c == '#' && i == 0))
			sbuf_putc(out, '\\');
		sbuf_putc(out, lower((char)c));
	}
	return true;
}

static bool put_hex(const uint8_t *bytes, size_t n, struct sbuf *out)
{
	sbuf_putc(out, '#');
	for (size_t i = 0; i < n; i++)
		sbuf_printf(out, "%02x", bytes[i]);
	return true;
}

/* A value that is no text is written as its DER. */
static bool put_value(const ASN1_TYPE *value, struct sbuf *out)
{
	static const unsigned long texts = B_ASN1_UTF8STRING | B_ASN1_PRINTABLESTRING | B_ASN1_T61STRING | B_ASN1_IA5STRING |
					   B_ASN1_VISIBLESTRING | B_ASN1_BMPSTRING | B_ASN1_UNIVERSALSTRING;
	unsigned char *bytes = NULL;
	bool put = false;

	if ((ASN1_tag2bit(ASN1_TYPE_get(value)) & texts) != 0) {
		int n = ASN1_STRING_to_UTF8(&bytes, value->value.asn1_string);
		put = n >= 0 && put_folded(str_from(bytes, (size_t)n), out);
	} else {
		int n = i2d_ASN1_TYPE(value, &bytes);
		put = n > 0 && put_hex(bytes, (size_t)n, out);
	}
	OPENSSL_free(bytes);
	return put;
}

static enum err rdn_add(struct rdn *rdn, const ASN1_OBJECT *type, const ASN1_TYPE *value)
{
	char text[ATTRIBUTE_MAX];
	struct sbuf out = sbuf_fixed(text, sizeof text);

	if (rdn->n == RDN_MAX || !put_type(type, &out))
		return ERR_MALFORMED;
	sbuf_putc(&out, '=');
	if (!put_value(value, &out) || out.overflow)
		return ERR_MALFORMED;
	rdn->attributes[rdn->n] = starved_unless(strdup(text));
	if (rdn->attributes[rdn->n] == NULL)
		return ERR_NO_MEMORY;
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): rdn_clear frees it, sorted or not */
	rdn->n++;
	return ERR_OK;
}

static void rdn_put(struct rdn *rdn, bool first, struct sbuf *out)
{
	qsort(rdn->attributes, rdn->n, sizeof rdn->attributes[0], by_text);
	for (unsigned i = 0; i < rdn->n; i++) {
		if (i > 0 || !first)
			sbuf_putc(out, i > 0 ? '+' : ',');
		sbuf_putz(out, rdn->attributes[i]);
	}
	rdn_clear(rdn);
}

/* ---- from a certificate ---- */

static enum err add_entry(struct rdn *rdn, const X509_NAME_ENTRY *entry)
{
	ASN1_STRING *data = X509_NAME_ENTRY_get_data(entry);
	ASN1_TYPE value = {.type = ASN1_STRING_type(data), .value = {.asn1_string = data}};

	return rdn_add(rdn, X509_NAME_ENTRY_get_object(entry), &value);
}

/* RFC 4514 section 2.1: from the last RDN to the first. */
enum err dn_put_name(const X509_NAME *name, struct sbuf *out)
{
	struct rdn rdn = {.n = 0};
	enum err err = ERR_OK;
	bool first = true;
	int n = X509_NAME_entry_count(name), set = -1;

	for (int i = n - 1; err == ERR_OK && i >= 0; i--) {
		const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, i);
		if (rdn.n > 0 && X509_NAME_ENTRY_set(entry) != set) {
			rdn_put(&rdn, first, out);
			first = false;
		}
		set = X509_NAME_ENTRY_set(entry);
		err = add_entry(&rdn, entry);
	}
	if (err == ERR_OK && n > 0)
		rdn_put(&rdn, first, out);
	rdn_clear(&rdn);
	ERR_clear_error();
	if (err != ERR_OK || n <= 0)
		return err != ERR_OK ? err : ERR_MALFORMED;
	return out->overflow ? ERR_NO_MEMORY : ERR_OK;
}

/* ---- from a text ---- */

/* Names of types have no case (RFC 4514 section 2.3); for those that only OpenSSL knows, its own
 * spelling counts. */
static ASN1_OBJECT *object_of(struct str name)
{
	char text[TYPE_MAX];

	if (name.n == 0 || name.n >= sizeof text || !str_is_word(name, "-."))
		return NULL;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (str_eq_nocase(name, str_of(types[i].name)))
			return OBJ_nid2obj(types[i].nid);
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	return OBJ_txt2obj(text, 0);
}

/* `#` and the hex of a DER value (section 2.4). */
static ASN1_TYPE *value_of_hex(struct str hex)
{
	uint8_t der[VALUE_MAX];
	const uint8_t *p = der;

	if (hex.n == 0 || hex.n % 2 != 0 || hex.n / 2 > sizeof der)
		return NULL;
	for (size_t i = 0; i < hex.n; i += 2) {
		int high = hex_digit(hex.p[i]), low = hex_digit(hex.p[i + 1]);
		if (high < 0 || low < 0)
			return NULL;
		der[i / 2] = (uint8_t)(high << 4 | low);
	}
	ASN1_TYPE *value = d2i_ASN1_TYPE(NULL, &p, (long)(hex.n / 2));
	if (value != NULL && p != der + hex.n / 2) {
		ASN1_TYPE_free(value);
		return NULL;
	}
	return value;
}

/* The bytes that an escaped text means (section 3). */
static bool unescape(struct str text, uint8_t *out, size_t *ret_n)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (n == VALUE_MAX || strchr("\"+;<>", c) != NULL)
			return false; /* strchr finds NUL too */
		if (c != '\\') {
			out[n++] = (uint8_t)c;
			continue;
		}
		if (++i == text.n)
			return false;
		int high = hex_digit(text.p[i]), low = i + 1 < text.n ? hex_digit(text.p[i + 1]) : -1;
		if (high >= 0 && low >= 0)
			out[n++] = (uint8_t)(high << 4 | low), i++;
		else if (text.p[i] != '\0' && strchr(" \"#+,;<=>\\", text.p[i]) != NULL)
			out[n++] = (uint8_t)text.p[i];
		else
			return false;
	}
	*ret_n = n;
	return true;
}

/* UTF-8, which OpenSSL checks when the value is put. */
static ASN1_TYPE *value_of_text(struct str text)
{
	uint8_t bytes[VALUE_MAX];
	size_t n;

	if (!unescape(text, bytes, &n))
		return NULL;
	ASN1_TYPE *value = ASN1_TYPE_new();
	ASN1_STRING *string = ASN1_UTF8STRING_new();
	if (value == NULL || string == NULL || ASN1_STRING_set(string, bytes, (int)n) != 1) {
		ASN1_TYPE_free(value);
		ASN1_STRING_free(string);
		return NULL;
	}
	ASN1_TYPE_set(value, V_ASN1_UTF8STRING, string);
	return value;
}

static enum err add_attribute(struct rdn *rdn, struct str text)
{
	struct str value_text = text;
	struct str type_text = str_split(&value_text, '=');

	if (value_text.p == NULL)
		return ERR_MALFORMED;
	while (str_starts(value_text, STR(" ")))
		value_text = str_from(value_text.p + 1, value_text.n - 1);
	ASN1_OBJECT *type = object_of(str_trim(type_text));
	bool hex = str_starts(value_text, STR("#"));
	ASN1_TYPE *value = type == NULL ? NULL
			   : hex        ? value_of_hex(str_from(value_text.p + 1, value_text.n - 1))
					: value_of_text(value_text);
	enum err err = value == NULL ? ERR_MALFORMED : rdn_add(rdn, type, value);
	ASN1_TYPE_free(value);
	ASN1_OBJECT_free(type);
	return err;
}

/* What stands before the first "," or "+" that isn't escaped. */
static size_t attribute_length(struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\\')
			i++;
		else if (text.p[i] == ',' || text.p[i] == '+')
			return i;
	}
	return text.n;
}

enum err dn_put_text(struct str text, struct sbuf *out)
{
	struct rdn rdn = {.n = 0};
	bool first = true;

	for (;;) {
		size_t n = attribute_length(text);
		enum err err = add_attribute(&rdn, str_from(text.p, n));
		if (err != ERR_OK) {
			rdn_clear(&rdn);
			ERR_clear_error();
			return err;
		}
		if (n == text.n || text.p[n] == ',') {
			rdn_put(&rdn, first, out);
			first = false;
		}
		if (n == text.n)
			return out->overflow ? ERR_NO_MEMORY : ERR_OK;
		text = str_from(text.p + n + 1, text.n - n - 1);
	}
}
