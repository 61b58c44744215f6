/* The daemon, as a real process with an environment of its own and its log in a file. */
#ifndef M2M_TESTS_HARNESS_GATEWAY_H
#define M2M_TESTS_HARNESS_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "harness/env.h"
#include "harness/tmp.h"

struct gateway {
	pid_t pid; /* 0: not running */
	uint16_t http, grpc, ops;
	char log[TMP_PATH];
	const char *err_path; /* where its stderr goes; NULL: into `log` */
};

/* Starts it and returns when /readyz answers 200. */
void gateway_start(struct gateway *g, const struct env *env);

/* Starts it without waiting for anything, for starts that must fail. */
void gateway_launch(struct gateway *g, const struct env *env);

/* The same by a shell, as `line` says, in which "$0" is the program: "ulimit -n 256; exec
 * \"$0\"". */
void gateway_launch_by(struct gateway *g, const struct env *env, const char *line);

/* Waits until a gateway that was launched has said where it listens: false if it hasn't, or
 * ended, within the time. */
bool gateway_wait_listening(struct gateway *g, int timeout_ms);

/* SIGTERM, and waits. Fails the test unless it ends within `timeout_ms`, with exit code 0, and
 * without a sanitizer's report in its log. */
void gateway_stop(struct gateway *g, int timeout_ms);

/* kill -9. */
void gateway_kill(struct gateway *g);

/* How many lines of the log hold `text`; `line` (may be NULL) takes the last of them. */
unsigned gateway_log_count(const struct gateway *g, const char *text, char *line, size_t cap);

/* The same, which waits for up to 10 s until there are `n`: a line leaves a moment after its
 * answer. */
unsigned gateway_log_wait(const struct gateway *g, const char *text, unsigned n, char *line, size_t cap);

/* Whether build and CPU have libcrypto_mb, as its log says at the start. */
bool gateway_has_crypto_mb(const struct gateway *g);

/* The status of a path of the ops listener. */
int gateway_ops_status(const struct gateway *g, const char *path);
/* True when the path answers `status` within the time. */
bool gateway_wait_ops(const struct gateway *g, const char *path, int status, int timeout_ms);

/* Fails the test when the file holds a sanitizer's report. */
void require_no_sanitizer_report(const char *log);

/* The files that the process has open, now: each connection is one. */
unsigned gateway_open_files(const struct gateway *g);

/* The process's resident memory in bytes, now. */
size_t gateway_resident(const struct gateway *g);

/* The path of one of our programs: $M2M_TEST_BIN/<name>, else the build folder. */
const char *program_path(const char *name, char out[TMP_PATH]);

#endif
