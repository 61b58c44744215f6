/* Hashes as the products that they come from make them. Where a form's own project publishes
 * vectors, they are used; the others are made with the library that the product uses
 * (golang.org/x/crypto for Hydra and Zitadel, hashlib for Django), of SECRET. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "crypto/foreign_secret.h"
#include "crypto_test.h"

#define SECRET "some-secret-1"
#define SALT   "MDEyMzQ1Njc4OWFiY2RlZg"

TestSuite(foreign_secret, .init = crypto_up, .fini = crypto_down);

static struct str canonical(const char *hash, char *space)
{
	struct str s = STR_NONE;
	enum err err = foreign_hash_canonical(str_of(hash), space, &s);
	cr_assert_eq(err, ERR_OK, "%s: %s", hash, err_info(err)->code);
	return s;
}

/* It opens with its secret, not with another one, and its stored spelling gives itself again. */
static void opens(const char *hash, const char *secret)
{
	char space[FOREIGN_HASH_MAX], again[FOREIGN_HASH_MAX], other[FOREIGN_MAX + 1];
	struct str stored = canonical(hash, space), twice = STR_NONE;
	cr_assert_eq(foreign_hash_canonical(stored, again, &twice), ERR_OK);
	cr_assert(str_eq(stored, twice), "%s -> %.*s -> %.*s", hash, STR_ARG(stored), STR_ARG(twice));
	cr_assert_eq(foreign_hash_verify(stored, str_of(secret)), ERR_OK, "%s", hash);
	snprintf(other, sizeof other, "%s", secret);
	other[strlen(other) - 1] ^= 1;
	cr_assert_eq(foreign_hash_verify(stored, str_of(other)), ERR_MISMATCH, "%s", hash);
}

static void stored_as(const char *hash, const char *stored)
{
	char space[FOREIGN_HASH_MAX];
	struct str s = canonical(hash, space);
	cr_assert(str_eq(s, str_of(stored)), "%s is stored as %.*s", hash, STR_ARG(s));
}

static void refused(const char *hash, enum err wanted)
{
	char space[FOREIGN_HASH_MAX];
	struct str s = STR_NONE;
	enum err err = foreign_hash_canonical(str_of(hash), space, &s);
	cr_assert_eq(err, wanted, "%s: %s", hash, err_info(err)->code);
	cr_assert_null(s.p);
	cr_assert_eq(foreign_hash_verify(str_of(hash), STR(SECRET)), wanted);
}

/* crypt_blowfish's own vectors (Openwall, wrapper.c). */
Test(foreign_secret, bcrypt_opens_in_its_three_versions)
{
	opens("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U");
	opens("$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a", "U*U*U");
	opens("$2a$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", "\xa3");
	opens("$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", "\xa3");
	opens("$2y$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3");
	opens("$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U");
	opens("$2a$04$0.uj/uxFbwkmVej0EyE6JOwF0/6KsZDvZ18nzdY.cDjZ3lbHH/qPi", SECRET);
	refused("$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", ERR_MALFORMED);
}

Test(foreign_secret, unused_bits_of_a_bcrypt_salt_dont_matter)
{
	opens("$2a$05$CCCCCCCCCCCCCCCCCCCCC/E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U");
}

/* ory/x's hasherx names SHA3-224 "sha224" and SHA3-384 "sha384". */
Test(foreign_secret, hydras_pbkdf2_opens_with_all_its_digests)
{
	opens("$pbkdf2-sha1$i=1000,l=32$" SALT "$O1+/8YztI+gyf4zEpSWSie7ssgDBShDklAKsGForq1k", SECRET);
	opens("$pbkdf2-sha224$i=1000,l=32$" SALT "$nEspQsL1hujGNz9MwQuadjDgm4WEMF2ow05bA7Gn5Rc", SECRET);
	opens("$pbkdf2-sha256$i=1000,l=32$" SALT "$DtOA5zo3yc70ExJTNd8EmZUHgbPhBJhQkGJTbg2o7Uo", SECRET);
	opens("$pbkdf2-sha384$i=1000,l=32$" SALT "$7QpJ97rivh4Ub/noz3LCJ5jGxVgv+pTztjQJWkPqUE4", SECRET);
	opens("$pbkdf2-sha512$i=1000,l=32$" SALT "$iQwAZoGOf9Iw+RW3KOX8KxnX39Gcrf8Z7CoLVOTkGjQ", SECRET);
	stored_as("$pbkdf2-sha512$i=1000,l=32$" SALT "$iQwAZoGOf9Iw+RW3KOX8KxnX39Gcrf8Z7CoLVOTkGjQ",
		  "$pbkdf2-sha512$i=1000,l=32$" SALT "$iQwAZoGOf9Iw+RW3KOX8KxnX39Gcrf8Z7CoLVOTkGjQ");
}

/* RFC 6070's fifth, of SHA-1, and RFC 7914 section 11, of SHA-256. */
Test(foreign_secret, pbkdf2_gives_the_vectors_of_its_rfcs)
{
	opens("$pbkdf2-sha1$i=4096,l=25$c2FsdFNBTFRzYWx0U0FMVHNhbHRTQUxUc2FsdFNBTFRzYWx0$PS7sT+QchJuAyNg2YsDkSospGpZM8vBwOA==",
	      "passwordPASSWORDpassword");
	opens("$pbkdf2-sha256$i=80000,l=64$TmFDbA$TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ==",
	      "Password");
}

/* passwap: passlib's form, in which sha224 and sha384 are SHA-2. */
Test(foreign_secret, zitadels_forms_open)
{
	opens("$pbkdf2$1000$" SALT "$O1+/8YztI+gyf4zEpSWSie7ssgA", SECRET);
	opens("$pbkdf2-sha224$1000$" SALT "$JTQWoMRO7vNvIBYTPpuHew+1tzOI4jI94bxGdg", SECRET);
	opens("$pbkdf2-sha256$1000$" SALT "$DtOA5zo3yc70ExJTNd8EmZUHgbPhBJhQkGJTbg2o7Uo", SECRET);
	opens("$pbkdf2-sha384$1000$" SALT "$HUssw3Dkr7cGLEZCifo4CoS/ZJLtAAVdLmy4Rpgx/7Q7wzrbjdegqWd67TnWQo4U", SECRET);
	opens("$pbkdf2-sha512$1000$" SALT "$iQwAZoGOf9Iw+RW3KOX8KxnX39Gcrf8Z7CoLVOTkGjShr+tkELIJO875WolbOo/pAClp/BMum0irsW5HRuYlCg",
	      SECRET);
	opens("$pbkdf2$1000$" SALT "$O1./8YztI.gyf4zEpSWSie7ssgA", SECRET); /* passlib writes '.' for '+' */
	stored_as("$pbkdf2-sha384$1000$" SALT "$HUssw3Dkr7cGLEZCifo4CoS/ZJLtAAVdLmy4Rpgx/7Q7wzrbjdegqWd67TnWQo4U",
		  "$pbkdf2-sha2-384$i=1000,l=48$" SALT "$HUssw3Dkr7cGLEZCifo4CoS/ZJLtAAVdLmy4Rpgx/7Q7wzrbjdegqWd67TnWQo4U");
	opens("$scrypt$ln=10,r=8,p=1$" SALT "$q6KHLY5y7k8N1gkQtHMdtJsbVXiCW3yMOR92PSLf2gU", SECRET);
	opens("$argon2i$v=19$m=4096,t=3,p=1$" SALT "$BIj4PkS+fESN7tZVTKJ16e3KDj6JkEwGg/Sn/zQ7lfw", SECRET);
	/* SHA-crypt.txt */
	opens("$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1", "Hello world!");
	opens("$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA", "Hello world!");
}

Test(foreign_secret, springs_hashes_open)
{
	opens("{bcrypt}$2a$04$0.uj/uxFbwkmVej0EyE6JOwF0/6KsZDvZ18nzdY.cDjZ3lbHH/qPi", SECRET);
	opens("{pbkdf2}303132333435363749456f4364d261bc471664b540020e14c678a2abf03f4bf9b5c0fb4a32a5bc07", SECRET);
	opens("{pbkdf2@SpringSecurity_v5_8}"
	      "30313233343536373839616263646566383d218d4286006216b7f288fb7420b493da4808da91698a726874fb4ba83163",
	      SECRET);
	opens("{scrypt}$a0801$" SALT "==$q6KHLY5y7k8N1gkQtHMdtJsbVXiCW3yMOR92PSLf2gU=", SECRET);
	opens("{scrypt@SpringSecurity_v5_8}$100801$" SALT "==$96kj2DJ4VJPzcG4gG1zsVybC8kfn7y25jHxo90ZljuA=", SECRET);
	opens("{argon2}$argon2id$v=19$m=4096,t=3,p=1$" SALT "$dB7E67ULPsU69dC9h4msCNjiA3xzRIOdtJ+XQhBBBwg", SECRET);
	opens("{argon2@SpringSecurity_v5_8}$argon2id$v=19$m=16384,t=2,p=1$" SALT "$UPKin9Ue8vJbRFE9Xc5S+JK/iw/hNwzSsfNzgw9vf8k", SECRET);
}

Test(foreign_secret, noop_is_the_secret_itself)
{
	struct str secret = STR_NONE;
	cr_assert(foreign_noop(STR("{noop}" SECRET), &secret));
	cr_assert(str_eq(secret, STR(SECRET)));
	cr_assert(!foreign_noop(STR(SECRET), &secret));
	refused("{noop}" SECRET, ERR_MALFORMED);
}

Test(foreign_secret, duendes_digests_open)
{
	opens("uQi0PfC290bOBRMB4xG87IHnOsZ+vnx4Zp/szYOh6dY=", SECRET);
	opens("Vkzx5gt6gb5PgZ11fS2qeO132gIWF2XvAtX/jAjBH+56n7FstAmGneZjIBhdaDmjcMR8RZmP3nxJEaXkJZuULA==", SECRET);
	opens("K7gNU3sdo+OL0wNhqoVWhr3g6s1xYv72ol/pe/Unols=", "secret"); /* IdentityServer's documentation */
}

/* Those of Django's tests/auth_tests/test_hashers.py where it has them. */
Test(foreign_secret, djangos_hashes_open)
{
	opens("pbkdf2_sha256$12000$seasalt$Ybw8zsFxqja97tY/o6G+Fy1ksY4U/Hw3DRrGED6Up4s=", "l\xc3\xa8tmein");
	opens("pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c=", "l\xc3\xa8tmein");
	opens("pbkdf2_sha1$10000$wz5B6WkasRoF$atJmJ1o+XfJxKq1+Nu1f1i57Z5I=", "not a password");
	opens("scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==",
	      "l\xc3\xa8tmein");
	opens("bcrypt$$2a$04$0.uj/uxFbwkmVej0EyE6JOwF0/6KsZDvZ18nzdY.cDjZ3lbHH/qPi", SECRET);
	opens("bcrypt_sha256$$2a$04$fnkTHXJEgVt1UIt3FqVtTuWaDB/lAX8uOoTpcNq5I2tmS561SMAom", SECRET);
	opens("argon2$argon2id$v=19$m=102400,t=2,p=8$" SALT "$tjfZRN7XHtt5Km4Lj4KC8Uh9z6bt+9xVM4LTFVb7oxg", SECRET);
	stored_as("pbkdf2_sha1$10000$wz5B6WkasRoF$atJmJ1o+XfJxKq1+Nu1f1i57Z5I=",
		  "$pbkdf2-sha1$i=10000,l=20$d3o1QjZXa2FzUm9G$atJmJ1o+XfJxKq1+Nu1f1i57Z5I");
	refused("sha1$seasalt$cff36ea83f5706ce9aa7454e63e431fc726b2dc8", ERR_MALFORMED);
}

/* argon2's own test.c, and RFC 7914 section 12. */
Test(foreign_secret, argon2_and_scrypt_give_their_vectors)
{
	opens("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password");
	opens("$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$T/XOJ2mh1/TIpJHfCdQan76Q5esCFVoT5MAeIM1Oq2E", "password");
	opens("$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA==",
	      "password");
}

Test(foreign_secret, a_stored_hash_tells_its_form)
{
	static const struct {
		const char *hash, *form;
	} cases[] = {
		{"$2a$04$0.uj/uxFbwkmVej0EyE6JOwF0/6KsZDvZ18nzdY.cDjZ3lbHH/qPi", "bcrypt"},
		{"bcrypt_sha256$$2a$04$fnkTHXJEgVt1UIt3FqVtTuWaDB/lAX8uOoTpcNq5I2tmS561SMAom", "bcrypt"},
		{"{pbkdf2}303132333435363749456f4364d261bc471664b540020e14c678a2abf03f4bf9b5c0fb4a32a5bc07", "pbkdf2"},
		{"{scrypt}$a0801$" SALT "==$q6KHLY5y7k8N1gkQtHMdtJsbVXiCW3yMOR92PSLf2gU=", "scrypt"},
		{"$argon2i$v=19$m=4096,t=3,p=1$" SALT "$BIj4PkS+fESN7tZVTKJ16e3KDj6JkEwGg/Sn/zQ7lfw", "argon2"},
		{"$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA", "sha_crypt"},
		{"uQi0PfC290bOBRMB4xG87IHnOsZ+vnx4Zp/szYOh6dY=", "sha2"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char space[FOREIGN_HASH_MAX];
		cr_expect_str_eq(foreign_form_name(foreign_form_of(canonical(cases[i].hash, space))), cases[i].form);
	}
}

Test(foreign_secret, what_costs_too_much_is_refused)
{
	refused("$2b$15$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", ERR_TOO_LARGE);
	refused("$pbkdf2-sha256$i=2000001,l=32$" SALT "$DtOA5zo3yc70ExJTNd8EmZUHgbPhBJhQkGJTbg2o7Uo", ERR_TOO_LARGE);
	refused("$pbkdf2-sha256$i=99999999999999999999,l=32$" SALT "$DtOA5zo3yc70ExJTNd8EmZUHgbPhBJhQkGJTbg2o7Uo", ERR_TOO_LARGE);
	/* two blocks for each iteration */
	refused("$pbkdf2-sha1$i=1000001,l=32$" SALT "$O1+/8YztI+gyf4zEpSWSie7ssgDBShDklAKsGForq1k", ERR_TOO_LARGE);
	refused("$scrypt$ln=18,r=8,p=1$" SALT "$q6KHLY5y7k8N1gkQtHMdtJsbVXiCW3yMOR92PSLf2gU", ERR_TOO_LARGE);
	refused("$scrypt$ln=63,r=8,p=1$" SALT "$q6KHLY5y7k8N1gkQtHMdtJsbVXiCW3yMOR92PSLf2gU", ERR_TOO_LARGE);
	refused("$argon2id$v=19$m=131073,t=1,p=1$" SALT "$dB7E67ULPsU69dC9h4msCNjiA3xzRIOdtJ+XQhBBBwg", ERR_TOO_LARGE);
	refused("$argon2id$v=19$m=4096,t=129,p=1$" SALT "$dB7E67ULPsU69dC9h4msCNjiA3xzRIOdtJ+XQhBBBwg", ERR_TOO_LARGE);
	refused("$6$rounds=1000001$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
		ERR_TOO_LARGE);
}

Test(foreign_secret, what_is_damaged_is_refused)
{
	refused("", ERR_MALFORMED);
	refused("secret", ERR_MALFORMED);
	refused("{MD5}5f4dcc3b5aa765d61d8327deb882cf99", ERR_MALFORMED);
	refused("$pbkdf2-sha256$i=1000,l=32$" SALT "$DtOA5zo3yc70ExJTNd8EmZUHgbPhBJhQkGJTbg2o7U", ERR_MALFORMED);
	refused("$pbkdf2-sha256$i=0,l=32$" SALT "$DtOA5zo3yc70ExJTNd8EmZUHgbPhBJhQkGJTbg2o7Uo", ERR_MALFORMED);
	refused("$pbkdf2-sha256$i=01000,l=32$" SALT "$DtOA5zo3yc70ExJTNd8EmZUHgbPhBJhQkGJTbg2o7Uo", ERR_MALFORMED);
	refused("$pbkdf2-sha256$i=1000,l=8$" SALT "$DtOA5zo3yc4", ERR_MALFORMED); /* found by trying */
	refused("$pbkdf2xsha256$i=1000,l=32$" SALT "$DtOA5zo3yc70ExJTNd8EmZUHgbPhBJhQkGJTbg2o7Uo", ERR_MALFORMED);
	refused("$argon2d$v=19$m=4096,t=3,p=1$" SALT "$dB7E67ULPsU69dC9h4msCNjiA3xzRIOdtJ+XQhBBBwg", ERR_MALFORMED);
	refused("$argon2id$v=19$m=4096,t=3,p=1,x=2$" SALT "$dB7E67ULPsU69dC9h4msCNjiA3xzRIOdtJ+XQhBBBwg", ERR_MALFORMED);
	refused("$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe", ERR_MALFORMED);
	refused("scrypt$16383$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==",
		ERR_MALFORMED);
	refused("uQi0PfC290bOBRMB4xG87IHnOsZ+vnx4Zp/szYOh6dZ=", ERR_MALFORMED);
}

Test(foreign_secret, ids_and_secrets_are_8_to_128_visible_characters)
{
	char text[FOREIGN_MAX + 2];
	memset(text, '%', sizeof text);
	cr_assert(!foreign_well_formed(str_from(text, FOREIGN_MIN - 1)));
	cr_assert(foreign_well_formed(str_from(text, FOREIGN_MIN)));
	cr_assert(foreign_well_formed(str_from(text, FOREIGN_MAX)));
	cr_assert(!foreign_well_formed(str_from(text, FOREIGN_MAX + 1)));
	cr_assert(!foreign_well_formed(STR("with space")) && !foreign_well_formed(STR("l\xc3\xa8tmein1")));
}

Test(foreign_secret, a_secret_that_is_too_long_or_holds_a_nul_opens_nothing)
{
	char text[FOREIGN_MAX + 1];
	memset(text, 'x', sizeof text);
	struct str hash = STR("$2a$04$0.uj/uxFbwkmVej0EyE6JOwF0/6KsZDvZ18nzdY.cDjZ3lbHH/qPi");
	cr_assert_eq(foreign_hash_verify(hash, str_from(text, sizeof text)), ERR_MISMATCH);
	cr_assert_eq(foreign_hash_verify(hash, str_from(SECRET "\0x", sizeof SECRET + 1)), ERR_MISMATCH);
	cr_assert_eq(foreign_hash_verify(hash, STR_NONE), ERR_MISMATCH);
}
