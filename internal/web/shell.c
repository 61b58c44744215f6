#include "web/shell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/pages_logo.h"
#include "crypto/digest.h"
#include "web/assets.h"

#define ROOM     (512 * 1024)
#define HASH_LEN 16

/* ---- names by content ---- */

static enum err put_hash(struct sbuf *out, struct str content)
{
	uint8_t sum[SHA256_LEN];
	enum err err = sha256(content.p, content.n, sum);
	for (unsigned i = 0; err == ERR_OK && i < HASH_LEN / 2; i++)
		sbuf_printf(out, "%02x", sum[i]);
	return err;
}

static enum err etag_of(struct arena *a, struct str content, struct str *ret)
{
	struct sbuf out = sbuf_in(a, HASH_LEN + 3);
	sbuf_putc(&out, '"');
	enum err err = put_hash(&out, content);
	sbuf_putc(&out, '"');
	*ret = sbuf_str(&out);
	return err != ERR_OK ? err : ret->p == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static enum err make_asset(struct arena *a, const char *stem, const char *extension, struct str body, struct shell_asset *ret)
{
	struct sbuf name = sbuf_in(a, 64);
	sbuf_printf(&name, "%s-", stem);
	enum err err = put_hash(&name, body);
	sbuf_putz(&name, extension);
	if (err == ERR_OK)
		err = etag_of(a, body, &ret->etag);
	ret->name = sbuf_str(&name);
	ret->body = body;
	return err != ERR_OK ? err : ret->name.p == NULL ? ERR_NO_MEMORY : ERR_OK;
}

/* ---- the accent colour ---- */

/* One of the three parts as linear light, 0 to 1. */
static double part(struct str color, unsigned i)
{
	const char hex[] = {color.p[1 + 2 * i], color.p[2 + 2 * i], '\0'};
	double given = (double)strtoul(hex, NULL, 16) / 255;
	return given <= 0.04045 ? given / 12.92 : pow((given + 0.055) / 1.055, 2.4);
}

/* Contrast as WCAG 2.x has it (1.4.3, with its definitions of relative luminance and contrast
 * ratio). Of black and white, the better one has at least 4.58:1 on any colour. */
static bool wants_black(struct str color)
{
	double luminance = 0.2126 * part(color, 0) + 0.7152 * part(color, 1) + 0.0722 * part(color, 2);
	double with_white = 1.05 / (luminance + 0.05), with_black = (luminance + 0.05) / 0.05;
	return with_black > with_white;
}

static enum err make_theme(struct shell *s, const struct config *config)
{
	struct str color = config->pages_color;
	if (color.p == NULL)
		return ERR_OK;
	const char *const text[] = {"#fff", "#000"};
	bool black = wants_black(color);
	struct str css =
		arena_printf(s->arena, ":root{--accent:%.*s;--on-accent:%s;--off-accent:%s}\n", STR_ARG(color), text[black], text[!black]);
	return css.p == NULL ? ERR_NO_MEMORY : make_asset(s->arena, "theme", ".css", css, &s->assets[SHELL_THEME]);
}

/* ---- the logo ---- */

static enum err make_logo(struct shell *s, const struct config *config, struct sbuf *faults)
{
	if (config->pages_logo.p == NULL)
		return ERR_OK;
	struct str picture = STR_NONE;
	const char *extension = NULL;
	enum err err = pages_logo_read(config->pages_logo, s->arena, &picture, &extension, faults);
	return err != ERR_OK ? err : make_asset(s->arena, "logo", extension, picture, &s->assets[SHELL_LOGO]);
}

/* ---- the pages ---- */

static void put_html(struct sbuf *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		switch (text.p[i]) {
		case '&':
			sbuf_putz(out, "&amp;");
			break;
		case '<':
			sbuf_putz(out, "&lt;");
			break;
		case '"':
			sbuf_putz(out, "&quot;");
			break;
		default:
			sbuf_putc(out, text.p[i]);
		}
}

static const char *asset_name(const char *source)
{
	for (const struct web_asset *a = web_assets; a < web_assets + web_assets_n; a++)
		if (strcmp(a->source, source) == 0)
			return a->name;
	return "";
}

static void put_meta(struct sbuf *out, const char *name, struct str content)
{
	sbuf_printf(out, "<meta name=\"%s\" content=\"", name);
	put_html(out, content);
	sbuf_putz(out, "\">\n");
}

static void put_links(const struct shell *s, struct sbuf *out)
{
	sbuf_printf(out, "<link rel=\"stylesheet\" href=\"assets/%s\">\n", asset_name("pages.css"));
	if (s->assets[SHELL_THEME].name.p != NULL)
		sbuf_printf(out, "<link rel=\"stylesheet\" href=\"assets/%s\">\n", s->assets[SHELL_THEME].name.p);
}

static enum err make_page(const struct shell *s, const struct config *config, const char *script, struct shell_page *page)
{
	struct sbuf out = sbuf_in(s->arena, 4096);
	sbuf_putz(&out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
			"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
			"<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n<title>");
	put_html(&out, config->pages_title);
	sbuf_putz(&out, "</title>\n");
	put_meta(&out, "m2m-title", config->pages_title);
	put_meta(&out, "m2m-issuer", config->public_url);
	put_meta(&out, "m2m-licences", str_of(asset_name("licences.txt")));
	if (s->assets[SHELL_LOGO].name.p != NULL)
		put_meta(&out, "m2m-logo", s->assets[SHELL_LOGO].name);
	sbuf_printf(&out, "<link rel=\"icon\" href=\"assets/%s\">\n",
		    s->assets[SHELL_LOGO].name.p != NULL ? s->assets[SHELL_LOGO].name.p : asset_name("icon.svg"));
	put_links(s, &out);
	sbuf_printf(&out, "<script type=\"module\" src=\"assets/%s\"></script>\n", asset_name(script));
	/* what stands there until the script does, so that the first paint waits for no script */
	sbuf_putz(&out, "</head>\n<body><div id=\"app\"><div class=\"whole boot\"><strong>");
	put_html(&out, config->pages_title);
	sbuf_putz(&out, "</strong></div></div>\n<noscript>This page needs JavaScript.</noscript>\n</body>\n</html>\n");
	page->html = sbuf_str(&out);
	return page->html.p == NULL ? ERR_NO_MEMORY : etag_of(s->arena, page->html, &page->etag);
}

static enum err make_pages(struct shell *s, const struct config *config)
{
	static const char *const paths[] = {SHELL_PATHS};
	static const char *const scripts[] = {"portal.js", "docs.js", "console.js"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		s->pages[i].path = paths[i];
		enum err err = make_page(s, config, scripts[i], &s->pages[i]);
		if (err != ERR_OK)
			return err;
	}
	return ERR_OK;
}

/* No frame but the settings' has a page, and no page has anything that isn't served here. */
static enum err make_policy(struct shell *s, const struct config *config)
{
	s->policy =
		arena_printf(s->arena, "default-src 'self'; frame-ancestors %.*s; base-uri 'none'; form-action 'self'; object-src 'none'",
			     STR_ARG(config->pages_ancestors));
	return s->policy.p == NULL ? ERR_NO_MEMORY : ERR_OK;
}

enum err shell_open(struct shell *s, const struct config *config, struct sbuf *faults)
{
	*s = (struct shell){.arena = arena_new_sized(16 * 1024, ROOM)};
	enum err err = s->arena == NULL ? ERR_NO_MEMORY : make_policy(s, config);
	if (err == ERR_OK)
		err = make_theme(s, config);
	if (err == ERR_OK)
		err = make_logo(s, config, faults);
	if (err == ERR_OK)
		err = make_pages(s, config);
	if (err != ERR_OK)
		shell_close(s);
	return err;
}

void shell_close(struct shell *s)
{
	arena_free(s->arena);
	s->arena = NULL;
}

const struct shell_page *shell_page(const struct shell *s, struct str path)
{
	for (size_t i = 0; i < sizeof s->pages / sizeof *s->pages; i++)
		if (str_eq(path, str_of(s->pages[i].path)))
			return &s->pages[i];
	return NULL;
}

const struct shell_asset *shell_asset(const struct shell *s, struct str name)
{
	for (size_t i = 0; i < SHELL_ASSETS; i++)
		if (s->assets[i].name.p != NULL && str_eq(name, s->assets[i].name))
			return &s->assets[i];
	return NULL;
}
