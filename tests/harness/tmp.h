/* The one folder that a test program writes to: $M2M_TEST_TMP, or a fresh folder below /tmp.
 * PostgreSQL's user may enter it. */
#ifndef M2M_TESTS_HARNESS_TMP_H
#define M2M_TESTS_HARNESS_TMP_H

#include <stdbool.h>
#include <stddef.h>

#define TMP_PATH 256

/* In the runner: makes the folder if it must and names it in the environment, which the tests
 * inherit. */
void tmp_prepare(void);
/* In the runner, at the end: removes the folder if tmp_prepare made it and `keep` is false. */
void tmp_finish(bool keep);

const char *tmp_dir(void);

/* A path in the folder that no other process of this program uses: <name>-<pid>-<count><suffix>. */
void tmp_path(char out[TMP_PATH], const char *name, const char *suffix);

/* The whole file as malloc'ed text with a NUL behind it; *ret_n (may be NULL) is its length.
 * NULL when it can't be read. */
char *tmp_read(const char *path, size_t *ret_n);
void tmp_write(const char *path, const char *text);

#endif
