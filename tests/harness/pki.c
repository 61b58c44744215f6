#include "harness/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/certificate.h"
#include "harness/proc.h"

/* openssl tells its progress on stderr. */
static void run_quietly(const char *const *argv)
{
	int ended = proc_wait(proc_start(&(struct proc_spec){.argv = argv, .err_path = "/dev/null"}), 30000);
	cr_assert_eq(ended, 0, "%s %s failed", argv[0], argv[1]);
}
#define run(...) run_quietly((const char *const[]){__VA_ARGS__, NULL})

static void make_request(struct identity *i, const char *subject, char csr[TMP_PATH])
{
	tmp_path(i->crt, "identity", ".crt");
	tmp_path(i->key, "identity", ".key");
	tmp_path(csr, "identity", ".csr");
	run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", i->key, "-out", csr, "-subj",
	    subject, "-batch");
}

void pki_self_signed(struct identity *ret, const char *subject)
{
	tmp_path(ret->crt, "identity", ".crt");
	tmp_path(ret->key, "identity", ".key");
	run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", ret->key, "-out",
	    ret->crt, "-subj", subject, "-days", "30", "-batch");
}

static void sign(struct identity *ret, const struct identity *ca, const char *subject, const char *text, int days)
{
	char csr[TMP_PATH], extensions[TMP_PATH], count[16];
	make_request(ret, subject, csr);
	tmp_path(extensions, "identity", ".ext");
	tmp_write(extensions, text);
	snprintf(count, sizeof count, "%d", days);
	run("openssl", "x509", "-req", "-in", csr, "-CA", ca->crt, "-CAkey", ca->key, "-CAcreateserial", "-days", count, "-extfile",
	    extensions, "-out", ret->crt);
}

void https_folder(char dir[TMP_PATH])
{
	char key[TMP_PATH + 16], cert[TMP_PATH + 16];
	tmp_path(dir, "https", "");
	run("mkdir", "-p", dir);
	snprintf(key, sizeof key, "%s/key.pem", dir);
	snprintf(cert, sizeof cert, "%s/cert.pem", dir);
	run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
	    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert, "-batch");
}

pid_t https_serve(const char *dir, uint16_t port)
{
	static struct http_conn look;
	char command[2 * TMP_PATH];
	bool up = false;
	snprintf(command, sizeof command, "cd '%s' && exec openssl s_server -accept 127.0.0.1:%u -cert cert.pem -key key.pem -HTTP -quiet",
		 dir, port);
	pid_t pid = proc_start(&(struct proc_spec){.argv = (const char *const[]){"sh", "-c", command, NULL}});
	for (int tries = 0; tries < 200 && !(up = http_open(&look, port)); tries++)
		sleep_ms(50);
	http_close(&look);
	cr_assert(up, "no openssl s_server at port %u", port);
	return pid;
}

void pki_issue(struct identity *ret, const struct identity *ca, const char *subject, const char *names, int days)
{
	char text[512];
	snprintf(text, sizeof text, "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n%s%s\n",
		 names[0] == '\0' ? "" : "subjectAltName=", names);
	sign(ret, ca, subject, text, days);
}

void pki_issue_authority(struct identity *ret, const struct identity *ca, const char *subject)
{
	sign(ret, ca, subject, "basicConstraints=critical,CA:TRUE\n", 1);
}

static struct certificate *read_certificate(const struct identity *i)
{
	struct certificate *c = NULL;
	char *pem = tmp_read(i->crt, NULL);
	cr_assert_not_null(pem);
	cr_assert_eq(certificate_from_pem(str_of(pem), &c), ERR_OK);
	free(pem);
	return c;
}

const char *pki_thumbprint(const struct identity *i, char out[64])
{
	struct certificate *c = read_certificate(i);
	snprintf(out, 64, "x5t#S256:%.*s", STR_ARG(certificate_thumbprint(c)));
	certificate_free(c);
	return out;
}

/* PEM's own base64, without its line ends. */
void pki_field(const struct identity *i, char *out, size_t cap)
{
	char *pem = tmp_read(i->crt, NULL);
	cr_assert_not_null(pem);
	const char *begin = strchr(strstr(pem, "-----BEGIN"), '\n');
	const char *end = strstr(begin, "-----END");
	size_t n = 0;
	out[n++] = ':';
	for (const char *p = begin; p < end && n + 2 < cap; p++)
		if (*p != '\n')
			out[n++] = *p;
	out[n++] = ':';
	out[n] = '\0';
	free(pem);
}

#define ARGS_MAX 40

struct curl {
	const char *args[ARGS_MAX];
	unsigned n;
	char url[256], body[TMP_PATH], head[TMP_PATH], authorization[TOKEN_MAX + 32];
};

static void add(struct curl *c, const char *one, const char *two)
{
	c->args[c->n++] = one;
	if (two != NULL)
		c->args[c->n++] = two;
	c->args[c->n] = NULL;
}

static void begin(struct curl *c, uint16_t port, const char *path, const struct identity *i, const char *bearer)
{
	c->n = 0;
	tmp_path(c->body, "curl", ".body");
	tmp_path(c->head, "curl", ".head");
	snprintf(c->url, sizeof c->url, "https://127.0.0.1:%u%s", port, path);
	add(c, "curl", "-sk");
	add(c, "-o", c->body);
	add(c, "-D", c->head);
	add(c, "--max-time", "20");
	if (i != NULL) {
		add(c, "--cert", i->crt);
		add(c, "--key", i->key);
	}
	if (bearer != NULL) {
		snprintf(c->authorization, sizeof c->authorization, "Authorization: Bearer %s", bearer);
		add(c, "-H", c->authorization);
	}
	add(c, c->url, NULL);
}

static void take_file(const char *path, char *out, size_t cap, size_t *ret_n)
{
	size_t n = 0;
	char *text = tmp_read(path, &n);
	n = n < cap - 1 ? n : cap - 1;
	if (text != NULL)
		memcpy(out, text, n);
	out[text == NULL ? 0 : n] = '\0';
	*ret_n = text == NULL ? 0 : n;
	free(text);
}

static void finish(struct curl *c, struct http_reply *r)
{
	size_t head_n = 0;
	memset(r, 0, sizeof *r);
	int ended = proc_wait(proc_start(&(struct proc_spec){.argv = c->args}), 30000);
	take_file(c->head, r->head, sizeof r->head, &head_n);
	take_file(c->body, r->body, sizeof r->body, &r->body_n);
	if (ended == 0 && sscanf(r->head, "HTTP/%*s %d", &r->status) != 1)
		r->status = 0;
}

int curl_form(uint16_t port, const char *path, const struct identity *i, const char *bearer, const char *body, struct http_reply *r)
{
	struct curl c;
	begin(&c, port, path, i, bearer);
	if (body != NULL)
		add(&c, "-d", body);
	finish(&c, r);
	return r->status;
}

int curl_lines(uint16_t port, const char *path, const struct identity *i, const char *const *lines, const char *body, struct http_reply *r)
{
	struct curl c;
	begin(&c, port, path, i, NULL);
	for (; *lines != NULL; lines++)
		add(&c, "-H", *lines);
	if (body != NULL)
		add(&c, "-d", body);
	finish(&c, r);
	return r->status;
}

int curl_grpc(uint16_t port, const char *path, const struct identity *i, const char *bearer, const struct pb *message)
{
	static struct http_reply r;
	struct curl c;
	char framed[TMP_PATH], data[TMP_PATH + 1];
	uint8_t prefix[5] = {0, (uint8_t)(message->n >> 24), (uint8_t)(message->n >> 16), (uint8_t)(message->n >> 8), (uint8_t)message->n};
	tmp_path(framed, "curl", ".grpc");
	FILE *f = fopen(framed, "w");
	cr_assert(f != NULL && fwrite(prefix, 1, sizeof prefix, f) == sizeof prefix && fwrite(message->p, 1, message->n, f) == message->n);
	fclose(f);
	snprintf(data, sizeof data, "@%s", framed);
	begin(&c, port, path, i, bearer);
	add(&c, "--http2", NULL);
	add(&c, "-H", "content-type: application/grpc");
	add(&c, "-H", "te: trailers");
	add(&c, "--data-binary", data);
	finish(&c, &r);
	char text[16];
	return http_header(&r, "grpc-status", text, sizeof text)[0] == '\0' ? -1 : atoi(text);
}
