/* What is served at which path, without any connection. */
#include "web/web.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "web/assets.h"

static struct web *web;
static struct config config;
static char faults_text[512];
static struct sbuf faults;

static void settle(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	config = (struct config){
		.pages = true, .pages_title = STR("A & B <c>"), .pages_ancestors = STR("'none'"), .public_url = STR("https://x")};
	faults = sbuf_fixed(faults_text, sizeof faults_text);
}

static enum err open_web(void)
{
	return web_open(&config, &web, &faults);
}

/* Where the program was built without pages there is nothing to test. */
static bool built(void)
{
	if (web_assets_n == 0)
		cr_skip_test("built without pages");
	return web_assets_n > 0;
}

static void tear_down(void)
{
	web_close(web);
	web = NULL;
	crypto_fini();
}

static struct web_answer get(const char *path, const char *accept, const char *if_none_match)
{
	struct web_answer a = {.type = "nothing"};
	cr_assert(web_find(web, str_of(path), str_of(accept), str_of(if_none_match), &a), "%s is served", path);
	return a;
}

static bool has(struct str body, const char *text)
{
	return memmem(body.p, body.n, text, strlen(text)) != NULL;
}

static const char *script_path(void)
{
	static char path[128];
	snprintf(path, sizeof path, "/assets/%s", web_assets[0].name);
	return path;
}

TestSuite(web, .init = settle, .fini = tear_down);

Test(web, a_page_says_the_title_as_text_and_names_only_relative_assets)
{
	if (!built() || open_web() != ERR_OK)
		return;
	struct web_answer a = get("/portal", NULL, NULL);
	cr_assert_str_eq(a.type, "text/html; charset=utf-8");
	cr_assert_str_eq(a.cache, "no-cache");
	cr_assert(has(a.body, "<title>A &amp; B &lt;c></title>"));
	cr_assert(has(a.body, "src=\"assets/portal-"));
	cr_assert_not(has(a.body, "=\"/"));
	cr_assert_not(has(a.body, "<style") || has(a.body, "style=") || has(a.body, "<script>"));
	cr_assert(has(get("/docs", NULL, NULL).body, "src=\"assets/docs-"));
	cr_assert(has(get("/console", NULL, NULL).body, "src=\"assets/console-"));
}

/* What else it named would be read before the first paint. */
Test(web, a_page_names_one_script)
{
	static const char *const paths[] = {"/portal", "/docs", "/console"};
	if (!built() || open_web() != ERR_OK)
		return;
	for (size_t i = 0; i < 3; i++) {
		struct str html = get(paths[i], NULL, NULL).body;
		const char *first = memmem(html.p, html.n, ".js\"", 4);
		cr_assert_not_null(first);
		cr_assert_null(memmem(first + 4, (size_t)(html.p + html.n - first - 4), ".js\"", 4), "%s", paths[i]);
	}
}

Test(web, nothing_but_what_was_built_is_served)
{
	struct web_answer a;
	if (!built() || open_web() != ERR_OK)
		return;
	cr_assert_not(web_find(web, STR("/assets/"), STR_NONE, STR_NONE, &a));
	cr_assert_not(web_find(web, STR("/assets/preact.js"), STR_NONE, STR_NONE, &a));
	cr_assert_not(web_find(web, STR("/assets/../portal"), STR_NONE, STR_NONE, &a));
	cr_assert_not(web_find(web, STR("/portal/"), STR_NONE, STR_NONE, &a));
	cr_assert_not(web_find(web, STR("/console/session"), STR_NONE, STR_NONE, &a));
	cr_assert_not(web_find(web, STR("/"), STR_NONE, STR_NONE, &a));
}

Test(web, an_asset_is_immutable_and_gzipped_for_those_who_take_it)
{
	if (!built() || open_web() != ERR_OK)
		return;
	struct web_answer plain = get(script_path(), NULL, NULL);
	struct web_answer small = get(script_path(), "br, gzip;q=0.5", NULL);
	cr_assert(str_eq(plain.body, web_assets[0].plain));
	cr_assert(small.gzip && !plain.gzip);
	cr_assert(str_eq(small.body, web_assets[0].gzip));
	cr_assert_eq((unsigned char)small.body.p[0], 0x1f);
	cr_assert_not(str_eq(small.etag, plain.etag));
	cr_assert_str_eq(plain.cache, "public, max-age=31536000, immutable");
	cr_assert_str_eq(plain.type, "text/javascript; charset=utf-8");
	cr_assert_not(get(script_path(), "gzip;q=0", NULL).gzip);
	cr_assert_not(get(script_path(), "gzip; q=0.000, *", NULL).gzip);
	cr_assert_not(get(script_path(), "x-gzip", NULL).gzip);
	cr_assert(get(script_path(), "*", NULL).gzip);
}

Test(web, a_known_etag_gets_no_body)
{
	if (!built() || open_web() != ERR_OK)
		return;
	char tags[256];
	struct web_answer page = get("/portal", NULL, NULL);
	snprintf(tags, sizeof tags, "\"other\", W/%.*s", STR_ARG(page.etag));
	struct web_answer again = get("/portal", NULL, tags);
	cr_assert(again.not_modified);
	cr_assert_null(again.body.p);
	cr_assert(get("/portal", NULL, "*").not_modified);
	cr_assert_not(get("/portal", NULL, "\"other\"").not_modified);
}

Test(web, the_policy_names_the_allowed_ancestors)
{
	config.pages_ancestors = STR("https://app.example.com 'self'");
	if (!built() || open_web() != ERR_OK)
		return;
	const char *policy = get("/portal", NULL, NULL).policy;
	cr_assert(strstr(policy, "default-src 'self'; "));
	cr_assert(strstr(policy, "frame-ancestors https://app.example.com 'self'; "));
	cr_assert_null(strstr(policy, "unsafe"));
}

static struct web_answer get_theme(void)
{
	struct str html = get("/portal", NULL, NULL).body;
	const char *name = memmem(html.p, html.n, "assets/theme-", 13);
	char path[64] = "/";
	cr_assert_not_null(name);
	strncat(path, name, 13 + 16 + 4);
	return get(path, NULL, NULL);
}

Test(web, the_accent_colour_is_a_style_sheet_and_its_text_can_be_read)
{
	config.pages_color = STR("#ffd43b");
	if (!built() || open_web() != ERR_OK)
		return;
	struct web_answer theme = get_theme();
	cr_assert(str_eq(theme.body, STR(":root{--accent:#ffd43b;--on-accent:#000;--off-accent:#fff}\n")));
	cr_assert_str_eq(theme.type, "text/css; charset=utf-8");
}

/* Those in the middle say most: by sRGB's weights alone the first three would have white. The two
 * greys stand beside the luminance, 0.179, at which black and white contrast alike. */
Test(web, text_on_the_accent_colour_is_what_contrasts_more)
{
	static const struct {
		const char *accent, *text;
	} colors[] = {
		{"#2ecc71", "--on-accent:#000;"}, {"#1da1f2", "--on-accent:#000;"}, {"#ff6600", "--on-accent:#000;"},
		{"#FF6600", "--on-accent:#000;"}, {"#ffffff", "--on-accent:#000;"}, {"#767676", "--on-accent:#000;"},
		{"#757575", "--on-accent:#fff;"}, {"#000000", "--on-accent:#fff;"}, {"#4353d9", "--on-accent:#fff;"},
		{"#0000ff", "--on-accent:#fff;"},
	};
	for (size_t i = 0; i < sizeof colors / sizeof *colors; i++) {
		config.pages_color = str_of(colors[i].accent);
		if (!built() || open_web() != ERR_OK)
			return;
		struct str css = get_theme().body;
		cr_assert(has(css, colors[i].text), "%s: %.*s", colors[i].accent, STR_ARG(css));
		web_close(web);
		web = NULL;
	}
}

static void write_logo(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	cr_assert_not_null(f);
	fputs(text, f);
	fclose(f);
}

Test(web, a_logo_is_an_asset_and_another_file_is_refused)
{
	char path[] = "/tmp/m2m-logo-XXXXXX";
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	close(fd);
	config.pages_logo = str_of(path);
	if (!built())
		return;
	write_logo(path, "GIF89a");
	cr_assert_eq(open_web(), ERR_MALFORMED);
	cr_assert(has(sbuf_str(&faults), "neither PNG nor SVG"));
	write_logo(path, "<svg xmlns='http://www.w3.org/2000/svg'/>");
	cr_assert_eq(open_web(), ERR_OK);
	cr_assert(has(get("/portal", NULL, NULL).body, "name=\"m2m-logo\" content=\"logo-"));
	unlink(path);
	web_close(web);
	cr_assert_eq(open_web(), ERR_MALFORMED);
}

Test(web, no_page_is_served_where_the_setting_is_off)
{
	config.pages = false;
	cr_assert_eq(open_web(), ERR_OK);
	cr_assert_null(web);
}

Test(web, all_that_a_browser_can_load_has_at_most_60_kilobytes_gzipped)
{
	size_t n = 0;
	for (unsigned i = 0; i < web_assets_n; i++)
		if (strcmp(web_assets[i].source, "licences.txt") != 0)
			n += web_assets[i].gzip.n;
	cr_assert_leq(n, 60U * 1024, "%zu bytes", n);
}
