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

/* It opens with its secret, and its stored spelling, left in `space`, gives itself again. */
static struct str kept(const char *hash, const char *secret, char space[FOREIGN_HASH_MAX])
{
	char again[FOREIGN_HASH_MAX];
	struct str stored = canonical(hash, space), twice = STR_NONE;
	cr_assert_eq(foreign_hash_canonical(stored, again, &twice), ERR_OK);
	cr_assert(str_eq(stored, twice), "%s -> %.*s -> %.*s", hash, STR_ARG(stored), STR_ARG(twice));
	cr_assert_eq(foreign_hash_verify(stored, str_of(secret)), ERR_OK, "%s", hash);
	return stored;
}

static void opens(const char *hash, const char *secret)
{
	char space[FOREIGN_HASH_MAX], other[FOREIGN_MAX + 1];
	struct str stored = kept(hash, secret, space);
	snprintf(other, sizeof other, "%s", secret);
	other[strlen(other) - 1] ^= 1;
	cr_assert_eq(foreign_hash_verify(stored, str_of(other)), ERR_MISMATCH, "%s", hash);
}

/* A vector that is dear, of a form that others here refuse another secret with. */
static void holds(const char *hash, const char *secret)
{
	char space[FOREIGN_HASH_MAX];
	kept(hash, secret, space);
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
	holds("$pbkdf2-sha1$i=4096,l=25$c2FsdFNBTFRzYWx0U0FMVHNhbHRTQUxUc2FsdFNBTFRzYWx0$PS7sT+QchJuAyNg2YsDkSospGpZM8vBwOA==",
	      "passwordPASSWORDpassword");
	holds("$pbkdf2-sha256$i=80000,l=64$TmFDbA$TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ==",
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
	holds("{pbkdf2}303132333435363749456f4364d261bc471664b540020e14c678a2abf03f4bf9b5c0fb4a32a5bc07", SECRET);
	holds("{pbkdf2@SpringSecurity_v5_8}"
	      "30313233343536373839616263646566383d218d4286006216b7f288fb7420b493da4808da91698a726874fb4ba83163",
	      SECRET);
	opens("{scrypt}$a0801$" SALT "==$q6KHLY5y7k8N1gkQtHMdtJsbVXiCW3yMOR92PSLf2gU=", SECRET);
	holds("{scrypt@SpringSecurity_v5_8}$100801$" SALT "==$96kj2DJ4VJPzcG4gG1zsVybC8kfn7y25jHxo90ZljuA=", SECRET);
	opens("{argon2}$argon2id$v=19$m=4096,t=3,p=1$" SALT "$dB7E67ULPsU69dC9h4msCNjiA3xzRIOdtJ+XQhBBBwg", SECRET);
	holds("{argon2@SpringSecurity_v5_8}$argon2id$v=19$m=16384,t=2,p=1$" SALT "$UPKin9Ue8vJbRFE9Xc5S+JK/iw/hNwzSsfNzgw9vf8k", SECRET);
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
	holds("pbkdf2_sha256$390000$seasalt$8xBlGd3jVgvJ+92hWPxi5ww0uuAuAnKgC45eudxro7c=", "l\xc3\xa8tmein");
	holds("pbkdf2_sha1$10000$wz5B6WkasRoF$atJmJ1o+XfJxKq1+Nu1f1i57Z5I=", "not a password");
	holds("scrypt$16384$seasalt$8$1$Qj3+9PPyRjSJIebHnG81TMjsqtaIGxNQG/aEB/NYafTJ7tibgfYz71m0ldQESkXFRkdVCBhhY8mx7rQwite/Pw==",
	      "l\xc3\xa8tmein");
	opens("bcrypt$$2a$04$0.uj/uxFbwkmVej0EyE6JOwF0/6KsZDvZ18nzdY.cDjZ3lbHH/qPi", SECRET);
	opens("bcrypt_sha256$$2a$04$fnkTHXJEgVt1UIt3FqVtTuWaDB/lAX8uOoTpcNq5I2tmS561SMAom", SECRET);
	holds("argon2$argon2id$v=19$m=102400,t=2,p=8$" SALT "$tjfZRN7XHtt5Km4Lj4KC8Uh9z6bt+9xVM4LTFVb7oxg", SECRET);
	stored_as("pbkdf2_sha1$10000$wz5B6WkasRoF$atJmJ1o+XfJxKq1+Nu1f1i57Z5I=",
		  "$pbkdf2-sha1$i=10000,l=20$d3o1QjZXa2FzUm9G$atJmJ1o+XfJxKq1+Nu1f1i57Z5I");
	refused("sha1$seasalt$cff36ea83f5706ce9aa7454e63e431fc726b2dc8", ERR_MALFORMED);
}

/* argon2's own test.c, and RFC 7914 section 12. */
Test(foreign_secret, argon2_and_scrypt_give_their_vectors)
{
	holds("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "password");
	opens("$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$T/XOJ2mh1/TIpJHfCdQan76Q5esCFVoT5MAeIM1Oq2E", "password");
	holds("$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA==",
	      "password");
}

/* ---- published by those who make the hashes ---- */

/* RFC 6070 and RFC 7914 sections 11 and 12. */
Test(foreign_secret, further_vectors_of_the_rfcs_hold)
{
	opens("$pbkdf2-sha1$i=1,l=20$c2FsdA$DGDID5YfDnHzqbUkr2ASBi/gN6Y", "password");
	opens("$pbkdf2-sha1$i=2,l=20$c2FsdA$6mwBTcctb4zNHtkqzh1B8NjeiVc", "password");
	opens("$pbkdf2-sha1$i=4096,l=20$c2FsdA$SwB5AbdlSJq+rUnZJvch0GWkKcE", "password");
	opens("$pbkdf2-sha256$i=1,l=64$c2FsdA$VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLxJypzM8Xm2RZkWZLOdd+8xfHG4RbHjC9UJESBB06GXgw",
	      "passwd");
	holds("$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7"
	      "RVdYhw",
	      "pleaseletmein");
}

/* ory/x, hasherx/hasher_test.go. */
Test(foreign_secret, hydras_own_vectors_hold)
{
	holds("$2a$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6", "test");
	holds("$pbkdf2-sha256$i=100000,l=32$1jP+5Zxpxgtee/iPxGgOz0RfE9/KJuDElP1ley4VxXc$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI",
	      "test");
	holds("$pbkdf2-sha512$i=100000,l=32$bdHBpn7OWOivJMVJypy2UqR0UnaD5prQXRZevj/05YU$+wArTfv1a+bNGO1iZrmEdVjhA+lL11wF4/IxpgYfPwc",
	      "test");
	opens("$argon2id$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw", "test");
	opens("$argon2id$v=19$m=32,t=5,p=4$cm94YnRVOW5jZzFzcVE4bQ$fBxypOL0nP/zdPE71JtAV71i487LbX3fJI5PoTN6Lp4", "test");
	holds("$argon2i$v=19$m=65536,t=3,p=4$kk51rW/vxIVCYn+EG4kTSg$NyT88uraJ6im6dyha/M5jhXvpqlEdlS/9fEm7ScMb8c", "test");
	refused("$pbkdf2-sha256$aaaa$1jP+5Zxpxgtee/iPxGgOz0RfE9/KJuDElP1ley4VxXc$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI",
		ERR_MALFORMED);
	refused("$pbkdf2-sha512$I=100000,l=32$bdHBpn7OWOivJMVJypy2UqR0UnaD5prQXRZevj/05YU$+wArTfv1a+bNGO1iZrmEdVjhA+lL11wF4/IxpgYfPwc",
		ERR_MALFORMED);
}

/* Spring Security's reference, "Password Storage Format", and its PasswordEncoderFactoriesTests and
 * Argon2PasswordEncoderTests. */
Test(foreign_secret, springs_own_vectors_hold)
{
	struct str secret = STR_NONE;
	holds("{bcrypt}$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG", "password");
	holds("{pbkdf2}5d923b44a6d129f3ddf3e3c8d29412723dcbde72445e8ef6bf3b508fbf17fa4ed4d6b99ca763d8dc", "password");
	holds("{pbkdf2@SpringSecurity_v5_8}"
	      "fefe5120467e5d4ccff442dbb2fa86d276262d97435c0c54e5eebced51ffd144fcb05eb53fea2677216c4f3250010006",
	      "password");
	holds("{scrypt}$e0801$8bWJaSu2IKSn9Z9kM+TPXfOc/9bdYSrN1oD9qfVThWEwdRTnO7re7Ei+fUZRJ68k9lTyuTeUp4of4g24hHnazw==$OAOec05+bXxvuu/"
	      "1qZ6NUR+xQYvYv7BeL1QxwRpY5Pc=",
	      "password");
	opens("{argon2}$argon2id$v=19$m=4096,t=3,p=1$QUFBQUFBQUFBQUFBQUFBQQ$hmmTNyJlwbb6HAvFoHFWF+u03fdb0F2qA+39oPlcAqo",
	      "sometestpassword");
	opens("{argon2}$argon2id$v=19$m=512,t=5,p=4$QUFBQUFBQUFBQUFBQUFBQQ$PNv4C3K50bz3rmON+LtFpdisD7ePieLNq+l5iUHgc1k",
	      "sometestpassword");
	holds("{argon2@SpringSecurity_v5_8}$argon2id$v=19$m=16384,t=2,p=1$QUFBQUFBQUFBQUFBQUFBQQ$zGt5MiNPSUOo4/"
	      "7jBcJMayCPfcsLJ4c0WUxhwGDIYPw",
	      "sometestpassword");
	cr_assert(foreign_noop(STR("{noop}password"), &secret) && str_eq(secret, STR("password")));
	refused("{sha256}97cde38028ad898ebc02e690819fa220e88c62e0699403e94fff291cfffaf8410849f27605abcbc0", ERR_MALFORMED);
}

/* FIPS 180-4's example "abc"; and what Duende's tests write as "secret".Sha512(). */
Test(foreign_secret, duendes_digests_are_those_of_the_standard)
{
	opens("ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=", "abc");
	opens("3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==", "abc");
	opens("vSsar3708Jvp9Szi2NWZZ02Bqp1qRCFpbcTZPdBhnWgs5WtNZKnvCXdhztmeD2cmW192CF5bDufKRpayrW/isg==", "secret");
}

/* zitadel/passwap, internal/testvalues and sha2/sha2_test.go, made with passlib and argon2's own
 * program. */
Test(foreign_secret, zitadels_own_vectors_hold)
{
	holds("$2a$12$aLYFkieuqJyeynvptPTxpehSViui5WeAPuR2Xw1wui9CPHEaacmFq", "password");
	holds("$2b$12$bIRGj4QPPoSUMWsJE.4Pk.T1qTpDWz7HhMnuiQhGzGinKPsx/HQdq", "password");
	holds("$2y$12$hXUrnqdq1RIIYZ2HPytIIe5lXdIvbhqrTvdPsSF7o.jFh817Z6lwm", "password");
	opens("$pbkdf2$12$cmFuZG9tc2FsdGlzaGFyZA$mwUqsMixIYMc/0eN4v1.l3SVDpk", "password");
	opens("$pbkdf2-sha256$12$cmFuZG9tc2FsdGlzaGFyZA$OFvEcLOIPFd/oq8egf10i.qJLI7A8nDjPLnolCWarQY", "password");
	opens("$pbkdf2-sha512$12$cmFuZG9tc2FsdGlzaGFyZA$e297piXvkpYxoYQAWD9zn1aKXCo3XmR91Xn9/WEGsHXU/"
	      "7xaQzCV9upu4T5Jntq6AiZ6YX0diXnY7Ju5TEfUMA",
	      "password");
	holds("$scrypt$ln=16,r=8,p=1$cmFuZG9tc2FsdGlzaGFyZA$Rh+NnJNo1I6nRwaNqbDm6kmADswD1+7FTKZ7Ln9D8nQ", "password");
	opens("$argon2i$v=19$m=4096,t=3,p=1$cmFuZG9tc2FsdGlzaGFyZA$YMvo8AUoNtnKYGqeODruCjHdiEbl1pKL2MsYy9VgU/E", "password");
	opens("$argon2id$v=19$m=4096,t=3,p=1$cmFuZG9tc2FsdGlzaGFyZA$DYojYpnUWSMmTtrkVXyaNWVGxLmGe1n8VJBPDdFkbjU", "password");
	refused("$argon2d$v=19$m=4096,t=3,p=1$cmFuZG9tc2FsdGlzaGFyZA$CB0Du96aj3fQVcVSqb0LIA6Z6fpStjzjVkaC3RlpK9A", ERR_MALFORMED);
	opens("$6$rounds=10000$saltsaltsaltsalt$EZKkFhxaTyiAhcKpFxN09.libqbOVLez7TJLU9i1rGqmCJkU4O5MLKPlNmVFwvj9YM3HTmo.EQeTrTAI01tZz1",
	      "foobar");
	/* SHA-crypt.txt */
	opens("$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1",
	      "a very much longer text to encrypt.  This one even stretches over morethan one line.");
	opens("$5$rounds=1400$anotherlongsalts$Rx.j8H.h8HjEDGomFU8bDkXm3XIUnzyxf12oP84Bnq1",
	      "a very much longer text to encrypt.  This one even stretches over morethan one line.");
}

/* djangohashers' tests, whose hashes Django made, and Django's own test_hashers.py; bcrypt's and
 * PBKDF2's of Django's own are above. */
Test(foreign_secret, djangos_own_vectors_hold)
{
	holds("pbkdf2_sha256$24000$KQ8zeK6wKRuR$cmhbSt1XVKuO4FGd9+AX8qSBD4Z0395nZatXTJpEtTY=", "ExjGmyUT73bFoT");
	holds("pbkdf2_sha1$24000$KQ8zeK6wKRuR$tSJh4xdxfMJotlxfkCGjTFpGYZU=", "ExjGmyUT73bFoT");
	holds("bcrypt_sha256$$2b$12$LZSJchsWG/DrBy1erNs4eeYo6tZNlLFQmONdxN9HPesa1EyXVcTXK", "ExjGmyUT73bFoT");
	holds("bcrypt$$2b$12$LZSJchsWG/DrBy1erNs4ee31eJ7DaWiuwhDOC7aqIyqGGggfu6Y/.", "ExjGmyUT73bFoT");
	opens("argon2$argon2i$v=19$m=512,t=2,p=2$S1E4emVLNndLUnVS$RUET3AC8iXvcVPD2TRjvVQ", "ExjGmyUT73bFoT");
	/* of before Argon2 1.3 */
	refused("argon2$argon2i$m=8,t=1,p=1$c29tZXNhbHQ$gwQOXSNhxiOxPOA0+PY10P9QFO4NAYysnqRt1GSQLE55m+"
		"2GYDt9FEjPMHhP2Cuf0nOEXXMocVrsJAtNSsKyfg",
		ERR_MALFORMED);
}

/* phc-winner-argon2's src/test.c. */
Test(foreign_secret, argon2s_own_vectors_hold)
{
	holds("$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg", "password");
	opens("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password");
	opens("$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "password");
	holds("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94", "differentpassword");
	holds("$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA", "password");
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
