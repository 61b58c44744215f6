#include "jwt_test.h"

#include <criterion/criterion.h>

#include "base/base64.h"
#include "crypto/signing_key_parts.h"
#include "harness/jws.h"

struct signing_key *keys[JWT_ALG_COUNT];

#define RFC_PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

/* RFC 7515 appendices A.2 and A.3, RFC 8037 appendix A.4. PS256 has no example in an RFC: its
 * token was made with the private key of RFC 7515 A.2 by
 *   printf %s <header>.<payload> | openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt
 *   rsa_pss_saltlen:32 -sign key.pem */
const struct known_token known_tokens[JWT_ALG_COUNT] = {
	[JWT_RS256] = {rfc7515_rsa_jwk,
		       "eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD "."
		       "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr"
		       "7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--x"
		       "i12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_Ioy"
		       "pGlUPQGe77Rw"},
	[JWT_ES256] = {rfc7515_ec_jwk, "eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD "."
				       "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
	[JWT_PS256] = {rfc7515_rsa_jwk,
		       "eyJhbGciOiJQUzI1NiJ9." RFC_PAYLOAD "."
		       "Ph3Z7HGsmeYvv90A36ajHSX_fqYzZ_yFO_zjW67GSgfI8akf57BJGe0rj3uJxrPXBW_7dhamwY4DCcYVQwvky9E2znr5yHHr6ktBEEySJm6Ab3"
		       "3BmAGyG2jLkskm7AL-_R8X5MZ31PjRU2gmfMZNIdpofIsMaw4nEs3AjCZ-YLuP7jUjCMCc_mNud8g3kuiX96RCzIL-AcBcii2E1ywwwK-c0mad"
		       "LA16a6KgzoXKZ1EN5E0g03G6ExQmQtSP4Z8WYZZNzpaMmRRn1YVnjb5L4ZT5VQLNJYGuHPi6K5Nj4Wnkb3TBC-INs3qrJkPpiMt_2Zv5_o1vlx"
		       "yT5k3XtjjVVA"},
	[JWT_EDDSA] = {rfc8037_okp_jwk, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
					"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
};

/* Made for these tests, since a fresh pair takes a tenth of a second each time. PKCS#8, base64. */
static const char rs256_key[] =
	"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDf9QfFms5bmvnzn0jKhnuppb5VeD4o0O+KTsbpTw/raFt+iDnNdUmEVcqa8kUhwpe7Qg2i"
	"Q5RB0RYVGENh02j58KLEhP940QBBwXMk3DdPOMDblJ8ela0sg1j9Rg88PFnIkkRSDCsFxfIRafhxq2pX2EQxKv/8B/Uv5RQDZaS5miTKoa4mxkBsOMOntzxr"
	"IijixymwVZwFDAk8tkBIOxeauk4q4ARKLVrH3BKnL2dzdy+h7wBJJPzRiiMG9yer+P/78gbvKCukMcWdzfcQEBWaN95VQ1I7XGD4XxSp5eMoUjOdGVNiNb8m"
	"mOgvvMFJjrei/3OuEZ6EZ8YSMKdsu3DPAgMBAAECggEADnsL8Rl03VR0c+2pKbsvVMVMPL+FGWOFEYbNcrlzeI+rVs+dGS1LvxxC+OjQUoIACJIZSpQfCnBo"
	"Ap4qgTFHuN130MgesqOk5huJg+kfRGaRhcEi1rnr1BR8FQhKJOVsEr1uYHW79GgbokedUlA4lIx9wEYc/iFPl7SyqhOQ5pUzZAM4H7RpKuaqYC3GW+KYIKOU"
	"VZDP3t7UPyrgIqJgtlrtkp4NBDER/fGQt126Dd76Uz/RwEccB0qh3tcteSGkLY2I+4689qB0/T3EBkGnDit5+dQ2t+ukLejPGJRvPm3HQ4cRhcMGgnsyB8RD"
	"vkIj3beZpbFS0VathpKQBDENKQKBgQD/Ge9s/ZS+MVgKMEpFuFVoBYGHTBR9nEJfALydJXtJhd11EFq1kCt63shDohligSlf0KEMRKuVz6DkUy+bibzZU5yt"
	"TU2X3xkH0hptiAa2kdjk4H+yIxd5B3puFQgkI8MaDDSxUTiK+7FYCHbOBJKmwUTIdYDMF5XqfJXMO+cWdwKBgQDgvwHuVt0PH9plBMCxm0WUHUwZo1jN9VtQ"
	"R5EqN/QSTcsfB2R+xT0orVNSwSex5yfkCs8V/nD8iRsLr2WJ4TlDQFmL814nyjTTkAcxcquANcy0sAxMoEwmSLv+EPPeMvwp8xrClCxHf9UyZQ7SpSORijFb"
	"uuDWnS48xhS76WMWaQKBgDbAaETqQCx6Br1ZE/fW0m3bEKvrRlKXYR9m1xSbYNSs6JUhh3aElPBwNGdfuTcNJcYszwQFERa8U3nt6L/nViMG8Q+5EbhQ59xn"
	"2cg8c8RnlTe6f23KXlVZp4tM9ExdaJiEmiKcnhgmYS/V0TnyfU9RF+Q2ZAhp34FOcBA/ox+NAoGALU3zurLh7vmR0clKesL9HKVnQMfPz/zEwoMavTL4TXRH"
	"HOMlm/RwprGB2W28bb1WKj8PjbRz3ERbIljiFBBFtcvUAUU21riJO5iOCqa98aNmt4nBgPTTROhmlQmfz0vhzycFXvH1lxgqxvTeLxJBAEamOoKKbljTCEc5"
	"yMN8SPkCgYEA9LR8uyfSa+m2cclkK8iEC1L5DohLEsvTzjfeXpHL1gSx5P5BIpDzOyxgeOdkOYVSrq3YLKISKhEagwDVNEw699tMrJ7zED2N+zDYOTuDkURB"
	"mp85hSCNbRD+rL48067IIvqUDfytvs/UrY5uGfMN5fTt77YXmyKWhp8KECTEBK0=";
static const char ps256_key[] =
	"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCsEyFAtlf0d4QGcwTaxG9scHBzFnsHITB/D40Xj33R7e0CaOBeRbsl3HkBhhyAniWcPEYb"
	"Cq2lJNauYPcR1DwAO8wigq+DVCpBw+DlW4nmNoqmHsrcmAIiJhWGZCgKxC4Ofbyoh9rH2OsERGOR75LlSxpPbSrTVPQ8PiFFI7iA8FkLx9jbY2dOw+Idih5Y"
	"cotKvICAcbhlNbrJQiEKeGSoWOG36S9sEsjmWkViDEPvH0D9RRsexyLwLtPobppREfKVH2g5Jmda+ShHtBP6LijjFMvnKVSw7zcf0qNwEz/QomjCUiR3Tgqo"
	"ZYpn5NEHjPWSq55rMhibIcSeijXs79dZAgMBAAECggEAAeOzYqYl7NinndkDOYI87XpGF9NsPimsgkap0FOKaITV7If5h7t5CLtFJmHCPBzQcajdRbR+L+Ep"
	"zNAigmL71i5R6WKZOgZRcPetR2N0Dg+1Aco2hMnUAys7IwbEREr/bPgPO2QDgFyGxx0XoU15xdQHac4bcWbeSC+P9rYD04GbfnJ1mU75j+rA2Uf89FElr+cz"
	"gvb3zat0s78HgzjEENyJXrXtqELzSoaDtL/Y95NZvAVNF/OkbHo5YojEEyBXDwFqTt4HuaIuFryJEHsWPYCRlAmEhTs1AEpW9Vzro45v/Dog18iIqgVIqKcb"
	"3hwS5UgBMQE10YlgFoUXTvwUwQKBgQDkh5TTdtDTRGbnZY5hePo1WodevgfBaDtLEMnQCWZcGcTD0aqRJWa5A5btceMU5bpNe6QHTDZRQVuNWWHTKW88HOs3"
	"SLjwJc4BvMbBO/rRZ+npoeZ1F5NRL3w9YV3bW+q+2kE5JVsDI8KBjaydfO5BOiS3LaG8kWeR+6DAmhi4GQKBgQDAwkrtpAvMa15DaTNIb+i/k09ah63zBqs9"
	"n2WXqa51Azmhvy9S7MPJ/ceTEzoMg0GIm4qJQqxu7BfwJ74TdIGEw+WjhUYUNYN5GrDrCetnR6cvyM6Gk0Zh05RA5j3c4ecYhyF7EiNAPUjsgTBpiU6HClgL"
	"TOVPofW9dQCNtZkBQQKBgQDMP9lmPpVZnZMTUZM1zvhh4y2GIfWwiMYlyzV0eFJCEs3n7mayH2l2Bp1ITzeUH9apFc5+r0EE0pNO/AoQvsGqSnZ4DMkt6bv7"
	"lYtWfZMoweUwaQEeuhlywCwcd/945Ogj99G/j4GOhtF7FPKoN1aCecMC7QfXD2Yv9WOxgIiDUQKBgEfEDsGLYhkpoF7YvA8sGyu4XMMH4Ouqf/bhcaGVuy41"
	"lS9zTttA62Q46CUJ84LVG4EQ5/NSr4BcxkzTfyEfL1mO1eCbrgu4IMrl9RiNCOfa9ZQE31+bVYj2jSvcjQu/z5qCNSTtC9LO/mePccbZKDN+1mjeqEGNu0Be"
	"X2ZjRiQBAoGAUUACd/uJdUnaRK4Gw81jFI/RpzYqSBWA3qeoA/8zZu2FMeQBwjt99f25hN4yFBLor2pKkRIh/VWmWK+wvrVRCE6ftMlAbcCMpKX3NZT1BBie"
	"IVHAIbTLWpD7tDj8D2ZVfHWtEP3d1958wRLBqxWhrF6uTDjNdR48HjjYUBd4XGQ=";

static struct str fixed_der(const char *base64)
{
	size_t cap = BASE64_DECODED_MAX(strlen(base64)), n = 0;
	char *der = arena_alloc(arena, cap);
	cr_assert_eq(base64_decode(str_of(base64), der, cap, &n), ERR_OK);
	return str_from(der, n);
}

static struct str fresh_der(enum jwt_alg alg)
{
	struct signing_key *made = NULL;
	struct str der;
	cr_assert_eq(signing_key_generate(alg, &made), ERR_OK);
	cr_assert_eq(signing_key_to_der(made, arena, &der), ERR_OK);
	signing_key_free(made);
	return der;
}

/* From its DER, as a gateway has it. */
static struct signing_key *key_of(enum jwt_alg alg)
{
	struct signing_key *key = NULL;
	struct str der = alg == JWT_RS256 ? fixed_der(rs256_key) : alg == JWT_PS256 ? fixed_der(ps256_key) : fresh_der(alg);
	cr_assert_eq(signing_key_from_der(alg, der, &key), ERR_OK);
	signing_key_prepare_group(key, SIGNING_BATCHED);
	return key;
}

void jwt_up(void)
{
	crypto_up();
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++)
		keys[alg] = key_of(alg);
}

void jwt_down(void)
{
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++)
		signing_key_free(keys[alg]);
	crypto_down();
}

struct str token_of(struct signing_key *key, struct str header, struct str payload)
{
	struct sbuf out = sbuf_in(arena, 1024);
	jws_put(&out, key, header, payload);
	return sbuf_str(&out);
}

struct str signed_token(struct signing_key *key, bool at_jwt, const char *claims)
{
	struct sbuf out = sbuf_in(arena, 1024);

	cr_assert_eq(jwt_sign(key, at_jwt, str_of(claims), &out), ERR_OK);
	return sbuf_str(&out);
}

struct jwt parsed(struct str token)
{
	struct jwt jwt;

	cr_assert_eq(jwt_parse(arena, token, &jwt), ERR_OK, "%.*s", STR_ARG(token));
	return jwt;
}

struct jwt taken_apart(enum jwt_alg alg, const char *token)
{
	const char *dot = strrchr(token, '.');
	struct jwt jwt = {.token = str_of(token), .signing_input = str_from(token, (size_t)(dot - token)), .alg = alg};
	char *signature = arena_alloc(arena, SIGNATURE_MAX);

	cr_assert_eq(base64url_decode(str_of(dot + 1), signature, SIGNATURE_MAX, &jwt.signature.n), ERR_OK);
	jwt.signature.p = signature;
	return jwt;
}
