/* A TLS listener of the test's own, and clients whose bytes reach it when the test says so; and
 * what OpenSSL has allocated meanwhile. */
#ifndef M2M_TESTS_UNIT_TLS_PEER_H
#define M2M_TESTS_UNIT_TLS_PEER_H

#include <openssl/ssl.h>

#include "tls/tls_stream.h"

#define PEER_BUFFER 65536

struct peer {
	struct tls_stream stream; /* the gateway's end */
	int fd;                   /* the client's */
	SSL *ssl;
	BIO *in, *out; /* between the client's session and its socket */
};

/* Once a program. */
void peer_listen(void);
/* One whose handshake begins: its first flight is there to be read. */
void peer_begin(struct peer *p, int version);
/* One whose handshake is over. `version`: TLS1_2_VERSION or TLS1_3_VERSION. */
void peer_open(struct peer *p, int version);
void peer_close(struct peer *p);

/* Encrypts, and sends nothing. */
void peer_say(struct peer *p, const char *text);
/* Sends at most n of the bytes that the session has made; returns how many are left. */
size_t peer_send(struct peer *p, size_t n);
/* Sends bytes of handshake messages, of TLS 1.3, as the client's record number `sequence`; at most
 * 31. The session doesn't know of it. */
void peer_send_handshake(struct peer *p, uint8_t sequence, const char *bytes, uint8_t n);
/* While `on`, each of the gateway's allocations counts as failed, and is there all the same. */
void peer_starve(bool on);
/* Whether those that come from now on are served by other contexts than `p` is. */
bool peer_contexts_differ(const struct peer *p);
/* What the gateway has sent, up to n bytes of it decrypted; returns how many. */
size_t peer_hear(struct peer *p, char *bytes, size_t n);

/* The gateway reads: what tls_stream_read says. */
ssize_t peer_read(struct peer *p, char bytes[PEER_BUFFER]);
/* Whether the gateway's answer arrives, whole. */
bool peer_answer(struct peer *p, const char *text);
/* Whether a request arrives and its answer too, both whole. */
bool peer_exchange(struct peer *p, const char *request, const char *answer);

/* OpenSSL's blocks that are as large as a record, in use at this moment. */
unsigned peer_record_buffers(void);
/* From now on, OpenSSL's blocks are looked through when they are given back. */
void peer_look_for(const char *text);
/* Whether one of those had the text, or one has it that is in use. */
bool peer_has_found(void);

#endif
