#include "sql/copy_tuple.h"

#include <arpa/inet.h>
#include <stdint.h>

static const char signature[11] = "PGCOPY\n\377\r\n";

/* Signature, flags, and an extension behind its length. */
enum err copy_skip_header(struct str *stream)
{
	uint32_t extension;
	size_t fixed = sizeof signature + 8;
	if (stream->n < fixed || memcmp(stream->p, signature, sizeof signature) != 0)
		return ERR_MALFORMED;
	memcpy(&extension, stream->p + sizeof signature + 4, sizeof extension);
	if (stream->n - fixed < ntohl(extension))
		return ERR_MALFORMED;
	size_t n = fixed + ntohl(extension);
	*stream = str_from(stream->p + n, stream->n - n);
	return ERR_OK;
}

enum err copy_next_tuple(struct str *stream, struct str *ret)
{
	uint16_t wire;
	size_t at = sizeof wire;
	if (stream->n < at)
		return ERR_MALFORMED;
	memcpy(&wire, stream->p, sizeof wire);
	*ret = STR_NONE;
	if (wire == UINT16_MAX)
		return stream->n == at ? ERR_OK : ERR_MALFORMED;
	for (unsigned left = ntohs(wire); left > 0; left--) {
		struct str field;
		enum err err = copy_next_field(*stream, &at, &field);
		if (err != ERR_OK)
			return err;
	}
	*ret = str_from(stream->p, at);
	*stream = str_from(stream->p + at, stream->n - at);
	return ERR_OK;
}

enum err copy_next_field(struct str tuple, size_t *at, struct str *ret)
{
	uint32_t wire;
	if (tuple.n < *at || tuple.n - *at < sizeof wire)
		return ERR_MALFORMED;
	memcpy(&wire, tuple.p + *at, sizeof wire);
	uint32_t n = ntohl(wire);
	size_t value = *at + sizeof wire;
	if (n == UINT32_MAX) {
		*ret = STR_NONE;
		*at = value;
		return ERR_OK;
	}
	if (n > tuple.n - value)
		return ERR_MALFORMED;
	*ret = str_from(tuple.p + value, n);
	*at = value + n;
	return ERR_OK;
}
