#include "import_hashes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define HASHES_FILE_MAX ((size_t)1 << 29)

struct pair {
	struct str client_id, hash;
};

struct import_hashes {
	struct str text;
	struct pair *pairs;
	size_t n;
};

static int compare(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	size_t n = x->client_id.n < y->client_id.n ? x->client_id.n : y->client_id.n;
	int order = memcmp(x->client_id.p, y->client_id.p, n);
	return order != 0 ? order : (x->client_id.n > y->client_id.n) - (x->client_id.n < y->client_id.n);
}

static struct str unquoted(struct str s)
{
	s = str_trim(s);
	if (s.n > 0 && s.p[s.n - 1] == '\r')
		s.n--;
	return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? str_from(s.p + 1, s.n - 2) : s;
}

/* Neither ids nor hashes hold a comma in front of the hash: an id that has one is quoted. */
static bool take_line(struct str line, struct pair *ret)
{
	size_t at = 0;
	bool quoted = false;
	while (at < line.n && (quoted || (line.p[at] != ',' && line.p[at] != '\t'))) {
		quoted ^= line.p[at] == '"';
		at++;
	}
	if (at >= line.n)
		return false;
	ret->client_id = unquoted(str_from(line.p, at));
	ret->hash = unquoted(str_from(line.p + at + 1, line.n - at - 1));
	return ret->client_id.n > 0 && ret->hash.n > 0;
}

static bool take_lines(struct import_hashes *h)
{
	size_t lines = 1;
	for (size_t i = 0; i < h->text.n; i++)
		lines += h->text.p[i] == '\n';
	h->pairs = calloc(lines, sizeof *h->pairs);
	if (h->pairs == NULL)
		return false;
	for (struct str rest = h->text, line = str_split(&rest, '\n'); line.p != NULL; line = str_split(&rest, '\n'))
		h->n += take_line(line, &h->pairs[h->n]);
	qsort(h->pairs, h->n, sizeof *h->pairs, compare);
	return true;
}

int import_hashes_read(struct str path, struct import_hashes **ret)
{
	struct import_hashes *h = calloc(1, sizeof *h);
	errno = 0;
	if (h != NULL)
		h->text = file_read(path, HASHES_FILE_MAX);
	if (h == NULL || h->text.p == NULL || !take_lines(h)) {
		ctl_say("%.*s: %s", STR_ARG(path), errno != 0 ? strerror(errno) : "there is no memory left");
		import_hashes_free(h);
		return EXIT_FAILED;
	}
	*ret = h;
	return EXIT_DONE;
}

void import_hashes_free(struct import_hashes *h)
{
	if (h == NULL)
		return;
	free((char *)h->text.p);
	free(h->pairs);
	free(h);
}

struct str import_hashes_find(const struct import_hashes *h, struct str client_id)
{
	struct pair key = {.client_id = client_id};
	const struct pair *found = h != NULL && client_id.p != NULL ? bsearch(&key, h->pairs, h->n, sizeof key, compare) : NULL;
	return found != NULL ? found->hash : STR_NONE;
}
