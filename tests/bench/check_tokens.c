/* Checks the tokens that clients of a benchmark were given: each must verify, each must be in
 * the server's table, none may come twice.
 *
 *   check_tokens PUBLIC_PEM ES256|RS256 jti|sha256 STORED_FILE TOKENS_FILE...
 *
 * STORED_FILE has the keys of the stored tokens and the TOKENS_FILEs the delivered tokens, one a
 * line. A token's key is its jti claim, or the SHA-256 of the whole token in lower hex. Prints
 * one line of JSON, {"delivered":N,"verified":N,"stored":N,"duplicates":N}, of which the first
 * three count delivered tokens, and succeeds if these are equal and there is no duplicate.
 *
 * Files are mapped; the stored keys become a hash set of slices of their file; then a thread per
 * core takes blocks of tokens. It shares nothing with the gateway's own code, so that it is a
 * second opinion. */
#include <fcntl.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	token_max = 8192,
	block = 256, /* tokens a thread takes at once */
	threads_max = 64,
};

struct slice {
	const char *at;
	size_t len;
};

struct lines {
	struct slice *of;
	size_t count, room;
};

/* Open addressing, at most half full; `seen` tells a second delivery. */
struct set {
	struct slice *keys;
	atomic_bool *seen;
	size_t mask;
};

struct check {
	EVP_PKEY *key;
	const char *alg;
	bool by_jti;
	struct lines tokens;
	struct set stored;
	atomic_size_t next, verified, known, duplicates;
};

static void fail(const char *what, const char *of)
{
	fprintf(stderr, "check_tokens: %s: %s\n", what, of);
	exit(2);
}

static void *checked(void *memory)
{
	if (memory == NULL)
		fail("out of memory", "malloc");
	return memory;
}

/* Appends the lines of a file, which stays mapped to the end of the process. Empty lines don't
 * count. */
static void read_lines(const char *path, struct lines *lines)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		fail("can't read", path);
	if (st.st_size > 0) {
		size_t size = (size_t)st.st_size;
		const char *at = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (at == MAP_FAILED)
			fail("can't map", path);
		const char *end = at + size;
		while (at < end) {
			const char *newline = memchr(at, '\n', (size_t)(end - at));
			const char *stop = newline != NULL ? newline : end;
			if (stop > at) {
				if (lines->count == lines->room) {
					lines->room = lines->room ? lines->room * 2 : 4096;
					lines->of = checked(realloc(lines->of, lines->room * sizeof(*lines->of)));
				}
				lines->of[lines->count++] = (struct slice){at, (size_t)(stop - at)};
			}
			at = stop + 1;
		}
	}
	close(fd);
}

/* FNV-1a. */
static uint64_t slice_hash(struct slice s)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ (unsigned char)s.at[i]) * 0x100000001b3;
	return hash;
}

static bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

/* The place of a key, or the free one where it would be. */
static size_t set_place(const struct set *set, struct slice key)
{
	size_t place = slice_hash(key) & set->mask;
	while (set->keys[place].at != NULL && !slice_equal(set->keys[place], key))
		place = (place + 1) & set->mask;
	return place;
}

static void set_fill(struct set *set, const struct lines *lines)
{
	size_t room = 16;
	while (room < lines->count * 2)
		room *= 2;
	set->mask = room - 1;
	set->keys = checked(calloc(room, sizeof(*set->keys)));
	set->seen = checked(calloc(room, sizeof(*set->seen)));
	for (size_t i = 0; i < lines->count; i++)
		set->keys[set_place(set, lines->of[i])] = lines->of[i];
}

static int base64url_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* `out` has room for the input's length. */
static bool base64url_decode(struct slice in, unsigned char *out, size_t *ret_len)
{
	size_t len = 0;
	uint32_t bits = 0;
	int held = 0;
	for (size_t i = 0; i < in.len; i++) {
		int digit = base64url_digit(in.at[i]);
		if (digit < 0)
			return false;
		bits = (bits << 6 | (uint32_t)digit) & 0xffffff;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out[len++] = (unsigned char)(bits >> held);
		}
	}
	*ret_len = len;
	return in.len % 4 != 1;
}

/* The string member `name` of a JSON object, at its top level; one with escapes is not found. */
static bool json_member(struct slice json, const char *name, struct slice *ret)
{
	int depth = 0;
	struct slice last = {NULL, 0}; /* the latest string of the top level */
	bool of_name = false;          /* a colon has followed the name, and nothing else yet */
	for (size_t i = 0; i < json.len; i++) {
		char c = json.at[i];
		if (c == '"') {
			size_t from = ++i;
			bool escaped = false;
			for (; i < json.len && json.at[i] != '"'; i++) {
				if (json.at[i] == '\\') {
					escaped = true;
					i++;
				}
			}
			if (i >= json.len)
				return false;
			struct slice s = {json.at + from, i - from};
			if (of_name && !escaped) {
				*ret = s;
				return true;
			}
			last = depth == 1 && !of_name ? s : (struct slice){NULL, 0};
			of_name = false;
		} else if (c == ':' && depth == 1) {
			of_name = last.at != NULL && slice_equal(last, (struct slice){name, strlen(name)});
			last = (struct slice){NULL, 0};
		} else if (c == '{' || c == '[') {
			depth++;
			of_name = false;
		} else if (c == '}' || c == ']') {
			depth--;
		} else if (c == ',') {
			of_name = false;
		}
	}
	return false;
}

/* JOSE has r and s side by side, OpenSSL wants DER (RFC 7518 section 3.4). */
static bool ecdsa_der(const unsigned char *raw, size_t raw_len, unsigned char *der, size_t *ret_len)
{
	if (raw_len != 64)
		return false;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(raw, 32, NULL), *s = BN_bin2bn(raw + 32, 32, NULL);
	if (sig == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(sig, r, s) != 1)
		fail("out of memory", "ECDSA_SIG");
	int len = i2d_ECDSA_SIG(sig, &der);
	ECDSA_SIG_free(sig);
	*ret_len = len > 0 ? (size_t)len : 0;
	return len > 0;
}

static bool verify(const struct check *check, EVP_MD_CTX *ctx, struct slice token, struct slice *ret_payload)
{
	const char *dot = memchr(token.at, '.', token.len);
	const char *last = memrchr(token.at, '.', token.len);
	if (token.len > token_max || dot == NULL || last == dot || memchr(dot + 1, '.', (size_t)(last - dot - 1)) != NULL)
		return false;

	unsigned char head[token_max], raw[token_max], der[80];
	size_t head_len, sig_len;
	struct slice alg;
	if (!base64url_decode((struct slice){token.at, (size_t)(dot - token.at)}, head, &head_len) ||
	    !json_member((struct slice){(char *)head, head_len}, "alg", &alg) ||
	    !slice_equal(alg, (struct slice){check->alg, strlen(check->alg)}) ||
	    !base64url_decode((struct slice){last + 1, (size_t)(token.at + token.len - last - 1)}, raw, &sig_len))
		return false;
	const unsigned char *sig = raw;
	if (strcmp(check->alg, "ES256") == 0) {
		if (!ecdsa_der(raw, sig_len, der, &sig_len))
			return false;
		sig = der;
	}
	*ret_payload = (struct slice){dot + 1, (size_t)(last - dot - 1)};
	EVP_MD_CTX_reset(ctx);
	return EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, check->key) == 1 &&
	       EVP_DigestVerify(ctx, sig, sig_len, (const unsigned char *)token.at, (size_t)(last - token.at)) == 1;
}

/* `room` has token_max bytes; the key may be in it. */
static bool token_key(const struct check *check, struct slice token, struct slice payload, unsigned char *room, struct slice *ret)
{
	if (check->by_jti) {
		size_t len;
		return base64url_decode(payload, room, &len) && json_member((struct slice){(char *)room, len}, "jti", ret);
	}
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256((const unsigned char *)token.at, token.len, digest);
	for (size_t i = 0; i < sizeof(digest); i++) {
		room[2 * i] = (unsigned char)"0123456789abcdef"[digest[i] >> 4];
		room[2 * i + 1] = (unsigned char)"0123456789abcdef"[digest[i] & 15];
	}
	*ret = (struct slice){(char *)room, 2 * sizeof(digest)};
	return true;
}

static void *check_blocks(void *arg)
{
	struct check *check = arg;
	EVP_MD_CTX *ctx = checked(EVP_MD_CTX_new());
	unsigned char *room = checked(malloc(token_max));
	size_t verified = 0, known = 0, duplicates = 0, from;
	while ((from = atomic_fetch_add(&check->next, block)) < check->tokens.count) {
		for (size_t i = from; i < from + block && i < check->tokens.count; i++) {
			struct slice token = check->tokens.of[i], payload, key;
			if (!verify(check, ctx, token, &payload))
				continue;
			verified++;
			if (!token_key(check, token, payload, room, &key))
				continue;
			size_t place = set_place(&check->stored, key);
			if (check->stored.keys[place].at == NULL)
				continue;
			known++;
			if (atomic_exchange(&check->stored.seen[place], true))
				duplicates++;
		}
	}
	atomic_fetch_add(&check->verified, verified);
	atomic_fetch_add(&check->known, known);
	atomic_fetch_add(&check->duplicates, duplicates);
	free(room);
	EVP_MD_CTX_free(ctx);
	return NULL;
}

static EVP_PKEY *read_key(const char *path, const char *alg)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *key = file != NULL ? PEM_read_PUBKEY(file, NULL, NULL, NULL) : NULL;
	if (key == NULL)
		fail("no public key", path);
	fclose(file);
	if (strcmp(alg, "ES256") == 0 ? EVP_PKEY_is_a(key, "EC") != 1 || EVP_PKEY_get_bits(key) != 256 : EVP_PKEY_is_a(key, "RSA") != 1)
		fail("not a key of that algorithm", path);
	return key;
}

int main(int argc, char **argv)
{
	if (argc < 6 || (strcmp(argv[2], "ES256") != 0 && strcmp(argv[2], "RS256") != 0) ||
	    (strcmp(argv[3], "jti") != 0 && strcmp(argv[3], "sha256") != 0)) {
		fprintf(stderr, "usage: check_tokens PUBLIC_PEM ES256|RS256 jti|sha256 STORED_FILE TOKENS_FILE...\n");
		return 2;
	}
	struct check check = {.key = read_key(argv[1], argv[2]), .alg = argv[2], .by_jti = strcmp(argv[3], "jti") == 0};
	struct lines stored = {0};
	read_lines(argv[4], &stored);
	set_fill(&check.stored, &stored);
	for (int i = 5; i < argc; i++)
		read_lines(argv[i], &check.tokens);

	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[threads_max];
	int count = cores < 1 ? 1 : cores > threads_max ? threads_max : (int)cores;
	for (int i = 0; i < count; i++) {
		if (pthread_create(&threads[i], NULL, check_blocks, &check) != 0)
			fail("no thread", "pthread_create");
	}
	for (int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);

	size_t delivered = check.tokens.count, verified = check.verified, known = check.known, duplicates = check.duplicates;
	printf("{\"delivered\":%zu,\"verified\":%zu,\"stored\":%zu,\"duplicates\":%zu}\n", delivered, verified, known, duplicates);
	EVP_PKEY_free(check.key);
	free(check.stored.keys);
	free(check.stored.seen);
	free(stored.of);
	free(check.tokens.of);
	return delivered == verified && verified == known && duplicates == 0 ? 0 : 1;
}
