#include "rest/rest_path.h"

#include "op/op.h"
#include "web/web.h"

/* Its first segment is that of an operation: what lies below "/oauth2" may be "/oauth2/token",
 * and "/token" is nothing. */
static bool begins_a_route(struct str path)
{
	for (size_t i = 0; i < OP_COUNT; i++) {
		struct str known = str_from(op_specs[i].path + 1, op_specs[i].path_n - 1);
		struct str segment = str_split(&known, '/');
		if (path.n > segment.n && path.p[0] == '/' && memcmp(path.p + 1, segment.p, segment.n) == 0 &&
		    (known.p == NULL || path.p[1 + segment.n] == '/'))
			return true;
	}
	return false;
}

static struct str without_behind(struct str public_path, struct str path)
{
	static const enum op_id inserted[] = {OP_OAUTH_METADATA, OP_OPENID_METADATA};
	for (size_t i = 0; i < sizeof inserted / sizeof *inserted; i++) {
		struct str known = str_from(op_specs[inserted[i]].path, op_specs[inserted[i]].path_n);
		if (!str_starts(path, known))
			continue;
		struct str behind = str_from(path.p + known.n, path.n - known.n);
		if (behind.n == public_path.n + 1 && behind.p[behind.n - 1] == '/')
			behind.n--;
		return str_eq(behind, public_path) ? known : path;
	}
	return path;
}

struct str rest_path_of_route(struct str public_path, struct str path)
{
	if (public_path.n == 0)
		return path;
	if (str_starts(path, public_path)) {
		struct str below = str_from(path.p + public_path.n, path.n - public_path.n);
		if (begins_a_route(below) || web_begins(below))
			return below;
	}
	return without_behind(public_path, path);
}

void rest_path_put_segment(struct sbuf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		struct str c = str_from(text.p + i, 1);
		if (str_is_word(c, "-._~"))
			sbuf_put(out, c);
		else
			sbuf_printf(out, "%%%02X", (unsigned char)text.p[i]);
	}
}
