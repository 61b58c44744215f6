/* Authorities and certificates of a test's own, made by openssl, in files; and curl, which shows
 * them over TLS. */
#ifndef M2M_TESTS_HARNESS_PKI_H
#define M2M_TESTS_HARNESS_PKI_H

#include "harness/tmp.h"
#include "harness/world.h"

struct identity {
	char crt[TMP_PATH], key[TMP_PATH];
};

/* A CA, or a certificate that signs itself. */
void pki_self_signed(struct identity *ret, const char *subject);
/* Signed by `ca`. `names`: as subjectAltName has them, "DNS:host.example"; "": none. `days`: until
 * it ends; negative: it has ended. */
void pki_issue(struct identity *ret, const struct identity *ca, const char *subject, const char *names, int days);

/* Makes a folder with key.pem and cert.pem, which are localhost's, and serves its files, which are
 * whole answers, at https://localhost:port. Returns once somebody listens. */
void https_folder(char dir[TMP_PATH]);
pid_t https_serve(const char *dir, uint16_t port);

/* A CA that `ca` has signed. */
void pki_issue_authority(struct identity *ret, const struct identity *ca, const char *subject);

/* "x5t#S256:<thumbprint>" of a certificate. */
const char *pki_thumbprint(const struct identity *i, char out[64]);
/* ":<base64 of the DER>:", as RFC 9440 has it. */
void pki_field(const struct identity *i, char *out, size_t cap);

/* A request by curl over TLS, with the certificate of `i` (NULL: none). `body`, where there is one,
 * is a form. Returns the status, 0 where there was none. */
int curl_form(uint16_t port, const char *path, const struct identity *i, const char *bearer, const char *body, struct http_reply *r);
/* The same with header lines of the caller's, up to a NULL: "DPoP: ...". */
int curl_lines(uint16_t port, const char *path, const struct identity *i, const char *const *lines, const char *body, struct http_reply *r);
/* A call with one message; returns grpc-status, -1 where there was none. */
int curl_grpc(uint16_t port, const char *path, const struct identity *i, const char *bearer, const struct pb *message);

#endif
