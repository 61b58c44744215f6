/* Who asks in bench_instructions: 32 callers, each of which asks for its next token as soon as it
 * has got the last one. Over REST each has a kept connection of its own; over gRPC four
 * connections have eight calls each. */
#ifndef M2M_BENCH_INSTRUCTIONS_CALLERS_H
#define M2M_BENCH_INSTRUCTIONS_CALLERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define CALLERS 32

struct callers;

struct callers_kind {
	/* Connects to 127.0.0.1. NULL when that can't be. `admin` is a bearer token, which
	 * IssueToken wants besides. */
	struct callers *(*open)(uint16_t port, const char *client_id, const char *secret, struct str admin);

	/* The first n callers take what has come, and ask again where an answer is whole. Adds the
	 * answers to *answered; *first_token is the first one's, until the next turn. False for
	 * anything but an answer with a token; *ret_why says what. */
	bool (*turn)(struct callers *c, unsigned n, unsigned *answered, struct str *first_token, const char **ret_why);
};

extern const struct callers_kind callers_rest, callers_grpc;

/* Connected, -1 when it can't be. */
int callers_connect(uint16_t port);

#endif
