/* At its start the gateway makes what its settings decide: the HTML of each page, a style sheet
 * with the accent colour, the logo. The rest lies in the program. */
#include "web/web.h"

#include <stdlib.h>

#include "web/assets.h"
#include "web/shell.h"

#define IMMUTABLE  "public, max-age=31536000, immutable"
#define REVALIDATE "no-cache"

struct web {
	struct shell shell;
};

enum err web_open(const struct config *config, struct web **ret, struct sbuf *faults)
{
	*ret = NULL;
	if (!config->pages || web_assets_n == 0)
		return ERR_OK;
	struct web *w = calloc(1, sizeof *w);
	enum err err = w == NULL ? ERR_NO_MEMORY : shell_open(&w->shell, config, faults);
	if (err != ERR_OK)
		free(w);
	else
		*ret = w;
	return err;
}

void web_close(struct web *w)
{
	if (w != NULL)
		shell_close(&w->shell);
	free(w);
}

bool web_begins(struct str path)
{
	static const char *const pages[] = {SHELL_PATHS};
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
		if (str_eq(path, str_of(pages[i])))
			return true;
	return str_starts(path, STR(WEB_ASSETS));
}

/* ---- what the request says ---- */

static bool is_zero(struct str q)
{
	bool zero = q.n > 0 && q.p[0] == '0';
	for (size_t i = 1; i < q.n; i++)
		zero = zero && (q.p[i] == '.' || q.p[i] == '0');
	return zero;
}

/* A weight of 0 says no (RFC 9110 section 12.4.2). */
static bool is_refused(struct str parameters)
{
	for (struct str one; (one = str_split(&parameters, ';')).p != NULL;) {
		struct str value = str_trim(one);
		struct str name = str_split(&value, '=');
		if (str_eq_nocase(str_trim(name), STR("q")))
			return is_zero(str_trim(value));
	}
	return false;
}

/* RFC 9110 section 12.5.3 */
static bool takes_gzip(struct str accept_encoding)
{
	for (struct str one; (one = str_split(&accept_encoding, ',')).p != NULL;) {
		struct str coding = str_trim(str_split(&one, ';'));
		if (str_eq_nocase(coding, STR("gzip")) || str_eq(coding, STR("*")))
			return !is_refused(one);
	}
	return false;
}

/* Weakly compared (RFC 9110 section 13.1.2). */
static bool names(struct str if_none_match, struct str etag)
{
	for (struct str one; (one = str_split(&if_none_match, ',')).p != NULL;) {
		struct str tag = str_trim(one);
		if (str_starts(tag, STR("W/")))
			tag = str_from(tag.p + 2, tag.n - 2);
		if (str_eq(tag, etag) || str_eq(tag, STR("*")))
			return true;
	}
	return false;
}

/* ---- what it gets ---- */

static const char *type_of(struct str name)
{
	static const struct {
		const char *extension, *type;
	} types[] = {{".js", "text/javascript; charset=utf-8"},
		     {".css", "text/css; charset=utf-8"},
		     {".txt", "text/plain; charset=utf-8"},
		     {".svg", "image/svg+xml"},
		     {".png", "image/png"}};
	const char *dot = memrchr(name.p, '.', name.n);
	for (size_t i = 0; dot != NULL && i < sizeof types / sizeof *types; i++)
		if (str_eq(str_of(types[i].extension), str_from(dot, (size_t)(name.p + name.n - dot))))
			return types[i].type;
	return "application/octet-stream";
}

static bool find_asset(const struct web *w, struct str name, bool gzip, struct web_answer *ret)
{
	const struct shell_asset *made = shell_asset(&w->shell, name);
	if (made != NULL) {
		*ret = (struct web_answer){.etag = made->etag, .body = made->body, .cache = IMMUTABLE, .type = type_of(name)};
		return true;
	}
	for (const struct web_asset *a = web_assets; a < web_assets + web_assets_n; a++) {
		if (!str_eq(name, str_of(a->name)))
			continue;
		/* Two representations, so each has an ETag of its own. */
		struct str etag = str_of(gzip ? a->gzip_etag : a->etag);
		struct str body = gzip ? a->gzip : a->plain;
		*ret = (struct web_answer){.gzip = gzip, .etag = etag, .body = body, .cache = IMMUTABLE, .type = type_of(name)};
		return true;
	}
	return false;
}

static bool find_page(const struct web *w, struct str path, struct web_answer *ret)
{
	const struct shell_page *page = shell_page(&w->shell, path);
	if (page == NULL)
		return false;
	*ret = (struct web_answer){.etag = page->etag, .body = page->html, .cache = REVALIDATE, .type = "text/html; charset=utf-8"};
	return true;
}

bool web_find(const struct web *w, struct str path, struct str accept_encoding, struct str if_none_match, struct web_answer *ret)
{
	struct web_answer found;
	struct str name =
		str_starts(path, STR(WEB_ASSETS)) ? str_from(path.p + sizeof WEB_ASSETS - 1, path.n - (sizeof WEB_ASSETS - 1)) : STR_NONE;
	if (name.p != NULL ? !find_asset(w, name, takes_gzip(accept_encoding), &found) : !find_page(w, path, &found))
		return false;
	found.policy = w->shell.policy.p;
	found.not_modified = names(if_none_match, found.etag);
	if (found.not_modified)
		found.body = STR_NONE;
	*ret = found;
	return true;
}
