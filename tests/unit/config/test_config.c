/* The settings as a program meets them: an environment goes in, a struct or a list of faults
 * comes out. */
#include "config/config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/words.h"
#include "crypto/digest.h"

#define DATABASE "M2M_DATABASE_URL=postgresql://m2m_gateway:hunter2@127.0.0.1:5432/m2m"
#define KEYS     "M2M_MASTER_KEYS=k1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_FILE "# active\nk1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"

static struct arena *arena;
static struct config config;
static char faults_text[8192];
static struct sbuf faults;

static void set_up(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	arena = arena_new(256 * 1024);
	faults = sbuf_fixed(faults_text, sizeof faults_text);
}

static void tear_down(void)
{
	config_wipe(&config);
	arena_free(arena);
	crypto_fini();
}

TestSuite(config, .init = set_up, .fini = tear_down);

static enum err read_env(unsigned need, const char *const *env)
{
	return config_read(arena, (char *const *)(uintptr_t)env, need, &config, &faults);
}

#define READ(need, ...) read_env((need), (const char *const[]){__VA_ARGS__, NULL})

static bool faults_say(const char *part)
{
	return strstr(faults_text, part) != NULL;
}

static unsigned fault_lines(void)
{
	unsigned n = 0;
	for (const char *c = faults_text; *c != '\0'; c++)
		n += *c == '\n';
	return n;
}

Test(config, an_empty_environment_gives_the_documented_defaults)
{
	cr_assert_eq(READ(0, "PATH=/bin"), ERR_OK, "%s", faults_text);
	cr_assert_str_eq(config.http.at[0].host, "127.0.0.1");
	cr_assert_eq(config.http.at[0].port, 8080);
	cr_assert_eq(config.grpc.at[0].port, 9090);
	cr_assert_eq(config.ops.at[0].port, 9100);
	cr_assert(str_eq(config.issuer, STR("http://127.0.0.1:8080")));
	cr_assert(str_eq(config.default_audience, STR("public-api")));
	cr_assert(str_eq(config.default_scope, STR("api")));
	cr_assert_eq(config.signing_alg, JWT_RS256);
	cr_assert_eq(config.signing_way, SIGNING_MULTI_BUFFER);
	cr_assert_not(config.at_jwt);
	cr_assert_null(config.trusted_issuers.p);
	cr_assert_null(config.trusted_issuers_path.p);
	cr_assert(config.workers >= 1 && config.workers <= 64);
	cr_assert_eq(config.batch_max, 256);
	cr_assert_eq(config.queue_max, 1024);
	cr_assert_eq(config.connections_max, 4096);
	cr_assert_eq(config.request_timeout_ms, 5000);
	cr_assert_eq(config.receive_timeout_ms, 10000);
	cr_assert_eq(config.idle_timeout_ms, 75000);
	cr_assert_eq(config.drain_ms, 10000);
	cr_assert_eq(config.jwks_max_age_s, 300);
	cr_assert_eq(config.partition_days, 28);
	cr_assert_eq(config.client_rate, 0);
	cr_assert_eq(config.address_rate, 0);
	cr_assert_eq(config.log_level, LOG_INFO);
	cr_assert_not(config.has_master_keys);
	cr_assert_null(config.database_url.p);
}

Test(config, every_setting_can_be_set)
{
	cr_assert_eq(READ(CONFIG_NEED_DATABASE | CONFIG_NEED_MASTER_KEYS, DATABASE, KEYS, "M2M_HTTP_LISTEN=[::1]:80",
			  "M2M_ISSUER=https://id.example.com/m2m", "M2M_SIGNING_ALG=ES256", "M2M_WORKERS=3", "M2M_DRAIN_MS=0",
			  "M2M_LOG_LEVEL=debug", "M2M_DEFAULT_AUDIENCE=https://api.example.com/"),
		     ERR_OK, "%s", faults_text);
	cr_assert(str_eq(config.database_url, str_of(strchr(DATABASE, '=') + 1)));
	cr_assert(config.has_master_keys);
	cr_assert_str_eq(config.ring.keys[0].key_id, "k1");
	cr_assert_str_eq(config.http.at[0].host, "::1");
	cr_assert(str_eq(config.issuer, STR("https://id.example.com/m2m")));
	cr_assert_eq(config.signing_alg, JWT_ES256);
	cr_assert_eq(config.workers, 3);
	cr_assert_eq(config.drain_ms, 0);
	cr_assert_eq(config.log_level, LOG_DEBUG);
}

Test(config, a_burst_is_ten_times_its_rate_unless_told_otherwise)
{
	cr_assert_eq(READ(0, "M2M_CLIENT_RATE=5", "M2M_ADDRESS_RATE=100", "M2M_ADDRESS_BURST=150"), ERR_OK, "%s", faults_text);
	cr_assert_eq(config.client_rate, 5);
	cr_assert_eq(config.client_burst, 50);
	cr_assert_eq(config.address_rate, 100);
	cr_assert_eq(config.address_burst, 150);
	cr_assert_eq(READ(0, "M2M_CLIENT_RATE=10000", "M2M_ADDRESS_RATE=1"), ERR_OK, "%s", faults_text);
	cr_assert_eq(config.client_burst, 100000);
	cr_assert_eq(config.address_burst, 10);
}

Test(config, a_bucket_fills_within_an_hour)
{
	cr_assert_eq(READ(0, "M2M_CLIENT_RATE=1", "M2M_CLIENT_BURST=3600", "M2M_ADDRESS_RATE=2", "M2M_ADDRESS_BURST=7200"), ERR_OK);
	cr_assert_eq(READ(0, "M2M_CLIENT_RATE=1", "M2M_CLIENT_BURST=3601", "M2M_ADDRESS_RATE=2", "M2M_ADDRESS_BURST=7201"), ERR_MALFORMED);
	cr_assert(faults_say("M2M_CLIENT_BURST: 3601 is more than an hour's worth of M2M_CLIENT_RATE, which is 3600\n"));
	cr_assert(faults_say("M2M_ADDRESS_BURST: 7201 is more than an hour's worth of M2M_ADDRESS_RATE, which is 7200\n"));
}

/* So that a limit is taken off by one setting. */
Test(config, a_burst_without_a_rate_is_no_fault)
{
	cr_assert_eq(READ(0, "M2M_CLIENT_RATE=0", "M2M_CLIENT_BURST=99999", "M2M_ADDRESS_BURST=5"), ERR_OK, "%s", faults_text);
	cr_assert_eq(config.client_rate, 0);
}

Test(config, rates_and_bursts_have_bounds)
{
	cr_assert_eq(READ(0, "M2M_CLIENT_RATE=10001", "M2M_CLIENT_BURST=0", "M2M_ADDRESS_RATE=0.5", "M2M_ADDRESS_BURST=100001"),
		     ERR_MALFORMED);
	cr_assert_eq(fault_lines(), 4, "%s", faults_text);
	cr_assert(faults_say("M2M_CLIENT_RATE: expected a whole number from 0 to 10000, not \"10001\"\n"));
	cr_assert(faults_say("M2M_CLIENT_BURST: expected a whole number from 1 to 100000, not \"0\"\n"));
	cr_assert(faults_say("M2M_ADDRESS_RATE: expected a whole number"));
	cr_assert(faults_say("M2M_ADDRESS_BURST: expected a whole number"));
}

Test(config, the_issuer_follows_the_listen_address_with_brackets_for_ipv6)
{
	cr_assert_eq(READ(0, "M2M_HTTP_LISTEN=[::1]:8081"), ERR_OK);
	cr_assert(str_eq(config.issuer, STR("http://[::1]:8081")));
}

Test(config, all_faults_are_reported_at_once_and_nothing_is_left)
{
	cr_assert_eq(
		READ(CONFIG_NEED_DATABASE, "M2M_WORKERS=0", "M2M_HTTP_LISTEN=8080", "M2M_HTTP_LISTN=127.0.0.1:1", "M2M_LOG_LEVEL=loud"),
		ERR_MALFORMED);
	cr_assert_eq(fault_lines(), 5, "%s", faults_text);
	cr_assert(faults_say("M2M_WORKERS: expected a whole number from 1 to 64, not \"0\"\n"));
	cr_assert(faults_say("M2M_HTTP_LISTEN: expected a numeric address and a port"));
	cr_assert(faults_say("M2M_HTTP_LISTN: there is no such setting"));
	cr_assert(faults_say("M2M_LOG_LEVEL: expected one of debug info warn error"));
	cr_assert(faults_say("M2M_DATABASE_URL is not set"));
	cr_assert_eq(config.grpc.at[0].port, 0);
}

Test(config, numbers_outside_of_their_range_and_other_text_are_refused)
{
	static const char *const bad[] = {"M2M_BATCH_MAX=0",     "M2M_BATCH_MAX=1025", "M2M_BATCH_MAX=+1",
					  "M2M_BATCH_MAX= 1",    "M2M_BATCH_MAX=1 ",   "M2M_BATCH_MAX=0x10",
					  "M2M_BATCH_MAX=1e2",   "M2M_BATCH_MAX=-1",   "M2M_BATCH_MAX=99999999999999999999",
					  "M2M_DRAIN_MS=300001", "M2M_WORKERS=65",     "M2M_PARTITION_DAYS=6"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		cr_expect_eq(READ(0, bad[i]), ERR_MALFORMED, "%s", bad[i]);
	cr_expect_eq(READ(0, "M2M_BATCH_MAX=1024", "M2M_WORKERS=64", "M2M_PARTITION_DAYS=7"), ERR_OK);
}

Test(config, listen_takes_only_a_numeric_address_with_a_port)
{
	static const char *const bad[] = {"M2M_OPS_LISTEN=localhost:1",   "M2M_OPS_LISTEN=:8080",           "M2M_OPS_LISTEN=*:8080",
					  "M2M_OPS_LISTEN=::1:8080",      "M2M_OPS_LISTEN=127.0.0.1",       "M2M_OPS_LISTEN=127.0.0.1:",
					  "M2M_OPS_LISTEN=127.1:80",      "M2M_OPS_LISTEN=127.0.0.1:65536", "M2M_OPS_LISTEN=[::1]",
					  "M2M_OPS_LISTEN=[127.0.0.1]:1", "M2M_OPS_LISTEN=127.0.0.1:-1"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		cr_expect_eq(READ(0, bad[i]), ERR_MALFORMED, "%s", bad[i]);
	cr_expect_eq(READ(0, "M2M_OPS_LISTEN=0.0.0.0:0", "M2M_HTTP_LISTEN=[::]:8080"), ERR_OK);
}

Test(config, a_listener_has_several_addresses)
{
	cr_assert_eq(READ(0, "M2M_HTTP_LISTEN=unix:/run/m2m/http.sock, 127.0.0.1:8080,[2001:DB8::1]:8080"), ERR_OK, "%s", faults_text);
	cr_assert_eq(config.http.n, 3);
	cr_expect(config.http.at[0].local && !config.http.at[1].local && !config.http.at[2].local);
	cr_expect_str_eq(config.http.at[0].host, "/run/m2m/http.sock");
	cr_expect_str_eq(config.http.at[2].host, "2001:db8::1");
	cr_expect(str_eq(config.issuer, STR("http://127.0.0.1:8080")), "the first that a URL can name");
	cr_assert_eq(READ(0, "M2M_GRPC_LISTEN=127.0.0.1:0,127.0.0.1:0"), ERR_OK, "any two free ports");
	static const char *const bad[] = {
		"M2M_OPS_LISTEN=127.0.0.1:1,",
		"M2M_OPS_LISTEN=,127.0.0.1:1",
		"M2M_OPS_LISTEN=127.0.0.1:1,127.0.0.1:1",
		"M2M_OPS_LISTEN=[::1]:1,[0:0::1]:1",
		"M2M_OPS_LISTEN=unix:/a,unix:/a",
		"M2M_OPS_LISTEN=unix:",
		"M2M_OPS_LISTEN=unix:/",
		"M2M_OPS_LISTEN=unix:a.sock",
		"M2M_OPS_LISTEN=unix:/a b",
		"M2M_OPS_LISTEN=unix:/run/",
		"M2M_OPS_LISTEN=unix:/"
		"123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678",
		"M2M_OPS_LISTEN=127.0.0.1:1,127.0.0.1:2,127.0.0.1:3,127.0.0.1:4,127.0.0.1:5,127.0.0.1:6,127.0.0.1:7,127.0.0.1:8,127.0.0.1:"
		"9"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(READ(0, bad[i]), ERR_MALFORMED, "%s", bad[i]);
}

Test(config, any_ipv6_address_takes_ipv4_unless_another_does)
{
	cr_assert_eq(READ(0, "M2M_HTTP_LISTEN=[::]:80,0.0.0.0:81"), ERR_OK, "%s", faults_text);
	cr_expect_not(config.http.at[0].only_ipv6);
	cr_assert_eq(READ(0, "M2M_HTTP_LISTEN=0.0.0.0:80,[::]:80"), ERR_OK, "%s", faults_text);
	cr_expect(config.http.at[1].only_ipv6);
	cr_assert_eq(READ(0, "M2M_HTTP_LISTEN=[::]:80,192.0.2.7:80"), ERR_OK, "%s", faults_text);
	cr_expect(config.http.at[0].only_ipv6);
}

Test(config, a_unix_socket_alone_needs_an_issuer)
{
	cr_assert_eq(READ(0, "M2M_HTTP_LISTEN=unix:/run/m2m/http.sock"), ERR_MALFORMED);
	cr_assert(faults_say("M2M_ISSUER is not set, and M2M_HTTP_LISTEN has no address that a URL could name"));
	cr_assert_eq(fault_lines(), 1);
	cr_assert_eq(READ(0, "M2M_HTTP_LISTEN=unix:/run/m2m/http.sock", "M2M_ISSUER=https://id.example.com"), ERR_OK, "%s", faults_text);
}

Test(config, proxies_are_networks_and_a_way_to_name_the_caller)
{
	cr_assert_eq(READ(0, "M2M_TRUSTED_PROXIES=10.0.0.0/8, 2001:db8::/32,192.0.2.7,unix", "M2M_FORWARDED=forwarded"), ERR_OK, "%s",
		     faults_text);
	cr_expect_eq(config.proxies.n, 3);
	cr_expect(config.proxies.local);
	cr_expect_eq(config.proxies.form, FORWARDED_RFC7239);
	cr_assert_eq(READ(0, "M2M_TRUSTED_PROXIES=unix", "M2M_FORWARDED=proxy-v2"), ERR_OK, "%s", faults_text);
	cr_expect_eq(config.proxies.n, 0);
	cr_assert_eq(READ(0, "M2M_WORKERS=1"), ERR_OK);
	cr_expect_eq(config.proxies.form, FORWARDED_NONE);
	static const char *const bad[] = {"M2M_TRUSTED_PROXIES=10.0.0.1/8", "M2M_TRUSTED_PROXIES=proxy.example",
					  "M2M_TRUSTED_PROXIES=10.0.0.0/8,", "M2M_TRUSTED_PROXIES=*"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(READ(0, bad[i], "M2M_FORWARDED=forwarded"), ERR_MALFORMED, "%s", bad[i]);
	cr_expect_eq(READ(0, "M2M_TRUSTED_PROXIES=10.0.0.0/8", "M2M_FORWARDED=X-Real-IP"), ERR_MALFORMED);
}

/* One without the other would believe nobody, or everybody. */
Test(config, proxies_and_their_way_come_together)
{
	cr_assert_eq(READ(0, "M2M_TRUSTED_PROXIES=10.0.0.0/8"), ERR_MALFORMED);
	cr_assert(faults_say("M2M_TRUSTED_PROXIES is set, but M2M_FORWARDED doesn't say"));
	cr_assert_eq(READ(0, "M2M_FORWARDED=x-forwarded-for"), ERR_MALFORMED);
	cr_assert(faults_say("M2M_FORWARDED is set, but M2M_TRUSTED_PROXIES doesn't say whose word is taken"));
}

Test(config, an_issuer_is_a_url_that_metadata_can_be_appended_to)
{
	static const char *const bad[] = {"",
					  "http://",
					  "ftp://example.com",
					  "example.com",
					  "https://example.com//",
					  "https://example.com/a//",
					  "https://example.com?q",
					  "https://example.com/#f",
					  "https://u@example.com",
					  "https://example.com:x",
					  "https://exa mple.com",
					  "https://example.com/\"",
					  "https://[::1",
					  "https://[::1]x"};
	static const char *const good[] = {"http://127.0.0.1:8080", "https://[::1]:8080",    "https://id.example.com/tenants/a", "http://a",
					   "https://example.com/",  "https://example.com/a/"};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		cr_expect_not(word_is_issuer(str_of(bad[i])), "%s", bad[i]);
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		cr_expect(word_is_issuer(str_of(good[i])), "%s", good[i]);
}

Test(config, dpop_nonces_are_off_or_required)
{
	cr_assert_eq(READ(0, "M2M_WORKERS=1"), ERR_OK, "%s", faults_text);
	cr_assert_not(config.dpop_nonce);
	cr_assert_eq(READ(0, "M2M_DPOP_NONCE=required"), ERR_OK, "%s", faults_text);
	cr_assert(config.dpop_nonce);
	cr_assert_eq(READ(0, "M2M_DPOP_NONCE=off"), ERR_OK, "%s", faults_text);
	cr_assert_not(config.dpop_nonce);
	cr_assert_eq(READ(0, "M2M_DPOP_NONCE=Required"), ERR_MALFORMED);
	cr_assert(faults_say("M2M_DPOP_NONCE: expected off or required, not \"Required\"\n"));
}

Test(config, a_profile_is_fapi2_or_none)
{
	cr_assert_eq(READ(0, "M2M_PROFILE=fapi2"), ERR_OK, "%s", faults_text);
	cr_assert(config.fapi2);
	cr_assert_eq(READ(0, "M2M_PROFILE=none"), ERR_OK, "%s", faults_text);
	cr_assert_not(config.fapi2);
	cr_assert_eq(READ(0, "M2M_PROFILE=FAPI2"), ERR_MALFORMED);
	cr_assert(faults_say("M2M_PROFILE: expected none or fapi2, not \"FAPI2\"\n"));
}

Test(config, an_access_token_type_is_one_of_two_in_exact_case)
{
	static const char *const bad[] = {"M2M_ACCESS_TOKEN_TYPE=jwt", "M2M_ACCESS_TOKEN_TYPE=AT+JWT", "M2M_ACCESS_TOKEN_TYPE=at jwt",
					  "M2M_ACCESS_TOKEN_TYPE=application/at+jwt", "M2M_ACCESS_TOKEN_TYPE=JWT "};

	cr_assert_eq(READ(0, "M2M_ACCESS_TOKEN_TYPE=at+jwt"), ERR_OK, "%s", faults_text);
	cr_assert(config.at_jwt);
	cr_assert_eq(READ(0, "M2M_ACCESS_TOKEN_TYPE=JWT"), ERR_OK, "%s", faults_text);
	cr_assert_not(config.at_jwt);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		cr_expect_eq(READ(0, bad[i]), ERR_MALFORMED, "%s", bad[i]);
	cr_assert(faults_say("M2M_ACCESS_TOKEN_TYPE: expected JWT or at+jwt, not \"jwt\"\n"));
}

Test(config, keys_can_be_made_for_each_algorithm_and_no_other)
{
	static const char *const good[JWT_ALG_COUNT] = {
		[JWT_RS256] = "M2M_SIGNING_ALG=RS256",
		[JWT_ES256] = "M2M_SIGNING_ALG=ES256",
		[JWT_PS256] = "M2M_SIGNING_ALG=PS256",
		[JWT_EDDSA] = "M2M_SIGNING_ALG=EdDSA",
	};
	static const char *const bad[] = {"M2M_SIGNING_ALG=none", "M2M_SIGNING_ALG=HS256", "M2M_SIGNING_ALG=EDDSA",
					  "M2M_SIGNING_ALG=RS512"};

	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		cr_expect_eq(READ(0, good[alg]), ERR_OK, "%s", faults_text);
		cr_expect_eq(config.signing_alg, alg, "%s", good[alg]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		cr_expect_eq(READ(0, bad[i]), ERR_MALFORMED, "%s", bad[i]);
	cr_assert(faults_say("M2M_SIGNING_ALG: expected one of RS256 ES256 PS256 EdDSA, not \"none\"\n"));
}

Test(config, the_way_of_signing_is_one_of_three)
{
	static const char *const good[SIGNING_WAY_COUNT] = {
		[SIGNING_SINGLE] = "M2M_SIGNATURES=single",
		[SIGNING_BATCHED] = "M2M_SIGNATURES=batched",
		[SIGNING_MULTI_BUFFER] = "M2M_SIGNATURES=multi-buffer",
	};
	for (int way = 0; way < SIGNING_WAY_COUNT; way++) {
		cr_expect_eq(READ(0, good[way]), ERR_OK, "%s", faults_text);
		cr_expect_eq(config.signing_way, (enum signing_way)way, "%s", good[way]);
	}
	cr_assert_eq(READ(0, "M2M_SIGNATURES=fast"), ERR_MALFORMED);
	cr_assert(faults_say("M2M_SIGNATURES: expected one of single batched multi-buffer, not \"fast\"\n"));
}

Test(config, a_secret_is_never_quoted_in_a_fault)
{
	cr_assert_eq(READ(0, "M2M_DATABASE_URL=mysql://root:hunter2@db", "M2M_MASTER_KEYS=k1: c2VjcmV0"), ERR_MALFORMED);
	cr_assert(faults_say("M2M_DATABASE_URL: expected a URL"));
	cr_assert(faults_say("M2M_MASTER_KEYS: line 1:"));
	cr_assert_not(faults_say("hunter2"));
	cr_assert_not(faults_say("c2VjcmV0"));
}

Test(config, what_is_printed_for_a_shell_is_ignored_and_other_names_are_not)
{
	cr_assert_eq(
		READ(0, "M2M_URL=x", "M2M_GRPC=x", "M2M_OPS=x", "M2M_ADMIN_TOKEN=x", "M2M_CLIENT_ID=x", "M2M_CLIENT_SECRET=x", "M2M=1"),
		ERR_OK, "%s", faults_text);
	cr_assert_eq(READ(0, "M2M_ORGANIZATION=x", "M2M_ORGANIZATION_ID=x", "M2M_CREDENTIAL_ID=x", "M2M_KEY_ID=x", "M2M_PORTAL_URL=x",
			  "M2M_CONSOLE_URL=x"),
		     ERR_OK, "%s", faults_text);
	cr_assert_eq(READ(0, "M2M_TEST_X=1"), ERR_MALFORMED);
	cr_assert_eq(READ(0, "M2M_FILE=1"), ERR_MALFORMED);
	cr_assert_eq(READ(0, "M2M_URL_FILE=1"), ERR_MALFORMED);
}

Test(config, variables_of_kubernetes_services_are_ignored_by_their_shape)
{
	cr_assert_eq(READ(0, "M2M_SERVICE_HOST=10.96.0.1", "M2M_SERVICE_PORT=80", "M2M_PORT=tcp://10.96.0.1:80",
			  "M2M_GATEWAY_SERVICE_HOST=10.96.0.7", "M2M_GATEWAY_SERVICE_PORT=8080", "M2M_GATEWAY_SERVICE_PORT_HTTP=8080",
			  "M2M_GATEWAY_PORT=tcp://10.96.0.7:8080", "M2M_GATEWAY_PORT_8080_TCP=tcp://10.96.0.7:8080",
			  "M2M_GATEWAY_PORT_8080_TCP_PROTO=tcp", "M2M_GATEWAY_PORT_8080_TCP_PORT=8080",
			  "M2M_GATEWAY_PORT_8080_TCP_ADDR=10.96.0.7", "M2M_DNS_PORT_53_UDP=udp://[fd00::a]:53",
			  "M2M_DNS_PORT_53_UDP_ADDR=fd00::a"),
		     ERR_OK, "%s", faults_text);
	const char *const others[] = {"M2M_GATEWAY_PORT=8080",
				      "M2M_GATEWAY_PORT=tcp://host:8080",
				      "M2M_GATEWAY_SERVICE_HOST=host.example",
				      "M2M_GATEWAY_SERVICE_PORT=http",
				      "M2M_GATEWAY_PORT_TCP=tcp://10.0.0.1:1",
				      "M2M_GATEWAYPORT=tcp://10.0.0.1:1",
				      "M2M_GATEWAY_PORT_80_TCP_ADDR=1h",
				      "M2M_HTTP_LISTENS=10.96.0.7",
				      "M2M_GATEWAY_PORT="};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		cr_expect_eq(READ(0, others[i]), ERR_MALFORMED, "%s", others[i]);
}

Test(config, an_empty_value_counts_as_not_set)
{
	cr_assert_eq(READ(0, "M2M_WORKERS=", "M2M_HTTP_LISTEN="), ERR_OK, "%s", faults_text);
	cr_assert_eq(config.http.at[0].port, 8080);
	cr_assert_eq(READ(CONFIG_NEED_DATABASE, "M2M_DATABASE_URL="), ERR_MALFORMED);
}

/* NAME=/path of a new file with this content, in the test's arena. */
static const char *with_file(const char *name, const char *content)
{
	char path[] = "/tmp/m2m-config-XXXXXX";
	int fd = mkstemp(path);
	cr_assert_neq(fd, -1);
	cr_assert_eq(write(fd, content, strlen(content)), (ssize_t)strlen(content));
	close(fd);
	return arena_printf(arena, "%s=%s", name, path).p;
}

static void remove_file(const char *assignment)
{
	cr_assert_eq(unlink(strchr(assignment, '=') + 1), 0);
}

Test(config, a_file_gives_the_value_without_its_last_newline)
{
	const char *keys = with_file("M2M_MASTER_KEYS_FILE", KEY_FILE);
	const char *issuer = with_file("M2M_ISSUER_FILE", "https://a.example\n");
	enum err err = READ(CONFIG_NEED_MASTER_KEYS, keys, issuer);
	remove_file(keys);
	remove_file(issuer);
	cr_assert_eq(err, ERR_OK, "%s", faults_text);
	cr_assert_eq(config.ring.n, 1);
	cr_assert(str_eq(config.issuer, STR("https://a.example")));
}

Test(config, a_secret_is_not_taken_from_a_file_that_others_may_read)
{
	const char *keys = with_file("M2M_MASTER_KEYS_FILE", KEY_FILE);
	const char *issuer = with_file("M2M_ISSUER_FILE", "https://a.example\n");
	const char *path = strchr(keys, '=') + 1;
	const mode_t open_modes[] = {0644, 0604, 0602, 0620, 0660, 0610};
	cr_assert_eq(chmod(strchr(issuer, '=') + 1, 0644), 0);
	for (size_t i = 0; i < sizeof open_modes / sizeof *open_modes; i++) {
		faults = sbuf_fixed(faults_text, sizeof faults_text);
		cr_assert_eq(chmod(path, open_modes[i]), 0);
		cr_expect_eq(READ(0, keys, issuer), ERR_MALFORMED, "%o", (unsigned)open_modes[i]);
		cr_expect(faults_say("can't be used: others may read it; chmod 600 it\n") && fault_lines() == 1, "%s", faults_text);
	}
	/* as Kubernetes' fsGroup leaves it: root's, and the group's that we are of */
	cr_assert_eq(chmod(path, 0440), 0);
	cr_expect_eq(READ(0, keys, issuer), geteuid() == 0 ? ERR_OK : ERR_MALFORMED);
	cr_expect_eq(chown(path, (uid_t)-1, geteuid() == 0 ? 65532 : (gid_t)-1), 0);
	cr_expect_eq(READ(0, keys, issuer), ERR_MALFORMED, "of a group that isn't ours");
	remove_file(keys);
	remove_file(issuer);
}

/* rereading needs the path, first start the text */
Test(config, the_file_of_trusted_issuers_gives_both_its_text_and_its_path)
{
	const char *issuers = with_file("M2M_TRUSTED_ISSUERS_FILE", "[{\"issuer\":\"https://a.example\"}]\n");
	enum err err = READ(0, issuers);
	remove_file(issuers);
	cr_assert_eq(err, ERR_OK, "%s", faults_text);
	cr_assert(str_eq(config.trusted_issuers, STR("[{\"issuer\":\"https://a.example\"}]")));
	cr_assert(str_eq(config.trusted_issuers_path, str_of(strchr(issuers, '=') + 1)));
}

Test(config, trusted_issuers_given_in_the_environment_have_no_path)
{
	cr_assert_eq(READ(0, "M2M_TRUSTED_ISSUERS=[]"), ERR_OK, "%s", faults_text);
	cr_assert(str_eq(config.trusted_issuers, STR("[]")));
	cr_assert_null(config.trusted_issuers_path.p);
}

Test(config, trusted_issuers_that_can_not_be_read_stop_the_start)
{
	cr_assert_eq(READ(0, "M2M_TRUSTED_ISSUERS_FILE=/nonexistent/issuers.json"), ERR_MALFORMED);
	cr_assert(faults_say("M2M_TRUSTED_ISSUERS_FILE: /nonexistent/issuers.json can't be used: No such file or directory\n"));
	cr_assert_null(config.trusted_issuers_path.p);
	cr_assert_eq(READ(0, "M2M_TRUSTED_ISSUERS=[]", "M2M_TRUSTED_ISSUERS_FILE=/dev/null"), ERR_MALFORMED);
	cr_assert(faults_say("M2M_TRUSTED_ISSUERS and M2M_TRUSTED_ISSUERS_FILE are both set"));
}

Test(config, a_fault_in_a_file_names_the_file_setting)
{
	const char *issuer = with_file("M2M_ISSUER_FILE", "https://a.example\n\n");
	enum err err = READ(0, issuer, "M2M_WORKERS_FILE=/nonexistent/workers");
	remove_file(issuer);
	cr_assert_eq(err, ERR_MALFORMED);
	cr_assert(faults_say("M2M_ISSUER_FILE: expected"));
	cr_assert(faults_say("M2M_WORKERS_FILE: /nonexistent/workers can't be used: No such file or directory"));
}

Test(config, a_value_and_its_file_together_are_refused)
{
	cr_assert_eq(READ(0, "M2M_WORKERS=1", "M2M_WORKERS_FILE=/dev/null"), ERR_MALFORMED);
	cr_assert(faults_say("M2M_WORKERS and M2M_WORKERS_FILE are both set"));
}

Test(config, faults_are_not_lost_when_there_is_no_room_for_them)
{
	char little[4];
	struct sbuf small = sbuf_fixed(little, sizeof little);
	char *env[] = {(char[]){"M2M_WORKERS=0"}, NULL};
	cr_assert_eq(config_read(arena, env, 0, &config, &small), ERR_MALFORMED);
}

Test(config, help_lists_every_setting_with_its_default)
{
	struct sbuf out = sbuf_in(arena, 8192);
	config_describe(&out);
	cr_assert(sbuf_str(&out).p != NULL);
	cr_assert_not_null(strstr(out.p, "M2M_DATABASE_URL"));
	cr_assert_not_null(strstr(out.p, "M2M_HTTP_LISTEN"));
	cr_assert_not_null(strstr(out.p, "M2M_ACCESS_TOKEN_TYPE"));
	cr_assert_not_null(strstr(out.p, "M2M_TRUSTED_ISSUERS_FILE"));
	cr_assert_not_null(strstr(out.p, "default: 127.0.0.1:8080"));
}

/* ---- who may be served in the clear ---- */

#define CERT    "M2M_TLS_CERT=-----BEGIN CERTIFICATE-----"
#define TLS_KEY "M2M_TLS_KEY=-----BEGIN PRIVATE KEY-----"

Test(config, a_listener_in_the_clear_is_on_loopback_or_was_said_so)
{
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, "M2M_HTTP_LISTEN=127.0.0.2:80", "M2M_GRPC_LISTEN=[::1]:1"), ERR_OK, "%s", faults_text);
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, "M2M_HTTP_LISTEN=10.0.0.1:80", "M2M_GRPC_LISTEN=[::]:1", "M2M_OPS_LISTEN=0.0.0.0:2"),
		     ERR_MALFORMED);
	cr_assert_eq(fault_lines(), 3);
	cr_assert(faults_say("M2M_HTTP_LISTEN: 10.0.0.1 is not a loopback address"));
	cr_assert(faults_say("M2M_GRPC_LISTEN: :: is not a loopback address"));
	cr_assert(faults_say("M2M_PLAINTEXT=ops\n"));
}

Test(config, plaintext_is_said_listener_by_listener)
{
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, "M2M_HTTP_LISTEN=10.0.0.1:80", "M2M_GRPC_LISTEN=[::]:1", "M2M_PLAINTEXT=http, grpc"),
		     ERR_OK, "%s", faults_text);
	cr_assert_eq(config.plaintext, CONFIG_HTTP | CONFIG_GRPC);
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, "M2M_OPS_LISTEN=10.0.0.1:80", "M2M_PLAINTEXT=all"), ERR_OK, "%s", faults_text);
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, "M2M_OPS_LISTEN=127.0.0.1:80,unix:/a"), ERR_OK, "%s", faults_text);
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, "M2M_OPS_LISTEN=127.0.0.1:80,10.0.0.1:80"), ERR_MALFORMED);
	cr_assert_eq(READ(0, "M2M_PLAINTEXT=http,"), ERR_MALFORMED);
	cr_assert_eq(READ(0, "M2M_PLAINTEXT=HTTP"), ERR_MALFORMED);
}

Test(config, a_certificate_makes_every_listener_speak_tls_that_plaintext_does_not_name)
{
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, CERT, TLS_KEY, "M2M_HTTP_LISTEN=0.0.0.0:443", "M2M_PLAINTEXT=ops"), ERR_OK, "%s",
		     faults_text);
	cr_assert(config.http.tls && config.grpc.tls);
	cr_assert_not(config.ops.tls);
	cr_assert(str_eq(config.issuer, STR("https://0.0.0.0:443")));
	cr_assert_eq(READ(0, "M2M_WORKERS=1"), ERR_OK);
	cr_assert_not(config.http.tls || config.grpc.tls || config.ops.tls);
}

Test(config, certificate_and_key_come_together)
{
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, CERT), ERR_MALFORMED);
	cr_assert(faults_say("M2M_TLS_CERT is set, but not M2M_TLS_KEY"));
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, TLS_KEY), ERR_MALFORMED);
	cr_assert(faults_say("M2M_TLS_KEY is set, but not M2M_TLS_CERT"));
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, CERT, TLS_KEY, "M2M_PLAINTEXT=http,grpc", "M2M_TLS_CLIENT_CA=x"), ERR_MALFORMED);
	cr_assert(faults_say("neither http nor grpc speaks TLS"));
}

#define PROXIES "M2M_TRUSTED_PROXIES=10.0.0.0/8", "M2M_FORWARDED=x-forwarded-for"

Test(config, certificates_are_asked_for_where_that_is_said)
{
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, CERT, TLS_KEY), ERR_OK, "%s", faults_text);
	cr_assert_eq(config.client_certs, CONFIG_CERTS_OFF);
	cr_assert_not(config_takes_certificates(&config));
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, CERT, TLS_KEY, "M2M_TLS_CLIENT_CA=x"), ERR_OK, "%s", faults_text);
	cr_assert_eq(config.client_certs, CONFIG_CERTS_REQUIRE, "as before there was a choice");
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, CERT, TLS_KEY, "M2M_TLS_CLIENT_CERTS=request"), ERR_OK, "%s", faults_text);
	cr_assert(config_takes_certificates(&config));
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, "M2M_TLS_CLIENT_CERTS=request"), ERR_MALFORMED);
	cr_assert(faults_say("M2M_TLS_CLIENT_CERTS is set, but neither http nor grpc speaks TLS"));
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, CERT, TLS_KEY, "M2M_TLS_CLIENT_CERTS=require"), ERR_MALFORMED);
	cr_assert(faults_say("M2M_TLS_CLIENT_CA doesn't say who must have signed them"));
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, CERT, TLS_KEY, "M2M_TLS_CLIENT_CA=x", "M2M_TLS_CLIENT_CERTS=off"), ERR_MALFORMED);
	cr_assert(faults_say("nobody would be asked for a certificate"));
	cr_assert_eq(READ(0, "M2M_TLS_CLIENT_CERTS=on"), ERR_MALFORMED);
	cr_assert(faults_say("expected off, request or require"));
}

Test(config, a_field_with_a_certificate_is_trusted_proxies_alone)
{
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, PROXIES, "M2M_CLIENT_CERT_HEADER=on", "M2M_TLS_CLIENT_CA=x"), ERR_OK, "%s", faults_text);
	cr_assert(str_eq(config.proxies.certificate_field, STR("Client-Cert")));
	cr_assert_eq(config.client_certs, CONFIG_CERTS_OFF);
	cr_assert(config_takes_certificates(&config));
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, PROXIES, "M2M_CLIENT_CERT_HEADER=X-Cert"), ERR_OK, "%s", faults_text);
	cr_assert(str_eq(config.proxies.certificate_field, STR("X-Cert")));
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, "M2M_CLIENT_CERT_HEADER=on"), ERR_MALFORMED);
	cr_assert(faults_say("anybody could show any certificate"));
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, "M2M_TRUSTED_PROXIES=10.0.0.0/8", "M2M_FORWARDED=proxy-v2", "M2M_CLIENT_CERT_HEADER=on"),
		     ERR_MALFORMED);
	cr_assert(faults_say("not with proxy-v2"));
	cr_assert_eq(READ(0, "M2M_CLIENT_CERT_HEADER=a b"), ERR_MALFORMED);
}

Test(config, an_address_for_certificates_needs_somebody_who_takes_them)
{
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, "M2M_MTLS_PUBLIC_URL=https://mtls.example/"), ERR_MALFORMED);
	cr_assert(faults_say("no client can show REST a certificate"));
	cr_assert_eq(READ(CONFIG_NEED_LISTENERS, PROXIES, "M2M_CLIENT_CERT_HEADER=on", "M2M_MTLS_PUBLIC_URL=https://mtls.example/"), ERR_OK,
		     "%s", faults_text);
	cr_assert(str_eq(config.mtls_url, STR("https://mtls.example")));
}

Test(config, the_pages_take_a_title_a_colour_and_ancestors_that_a_policy_can_name)
{
	cr_assert_eq(READ(0, "PATH=/bin"), ERR_OK, "%s", faults_text);
	cr_assert(config.pages);
	cr_assert(str_eq(config.pages_ancestors, STR("'none'")));
	cr_assert_eq(READ(0, "M2M_PAGES=off", "M2M_PAGES_COLOR=#0b7285", "M2M_PAGES_TITLE=Example",
			  "M2M_PAGES_ANCESTORS=https://app.example.com https://*.example.org:8443 'self'"),
		     ERR_OK, "%s", faults_text);
	cr_assert_not(config.pages);
	cr_assert(str_eq(config.pages_color, STR("#0b7285")));
	cr_assert_eq(READ(0, "M2M_PAGES=yes", "M2M_PAGES_COLOR=red", "M2M_PAGES_ANCESTORS=https://a.test; script-src *"), ERR_MALFORMED);
	cr_assert(faults_say("M2M_PAGES: expected on or off"));
	cr_assert(faults_say("M2M_PAGES_COLOR: expected a colour such as #3b5bdb"));
	cr_assert(faults_say("M2M_PAGES_ANCESTORS: expected origins"));
}
