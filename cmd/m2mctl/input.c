#include "input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

struct str input_stdin(struct arena *a, size_t max)
{
	char *text = arena_alloc(a, max + 2);
	size_t n = 0;
	ssize_t got = 1;

	while (text != NULL && got != 0 && n < max + 2) {
		got = read(STDIN_FILENO, text + n, max + 2 - n);
		if (got == -1 && errno != EINTR)
			return STR_NONE;
		n += got > 0 ? (size_t)got : 0;
	}
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' '))
		n--;
	return text == NULL || n > max ? STR_NONE : str_from(text, n);
}

static struct str read_path(struct arena *a, struct str path, size_t max)
{
	struct str bytes = file_read(path, max);
	struct str kept = arena_copy(a, bytes);

	free((char *)bytes.p);
	return kept;
}

int input_file(struct ctl *ctl, struct str path, size_t max, struct str *ret)
{
	bool is_stdin = str_eq(path, STR("-"));

	errno = 0;
	struct str text = is_stdin ? input_stdin(ctl->a, max) : read_path(ctl->a, path, max);
	if (text.p == NULL) {
		ctl_say("%.*s: %s", is_stdin ? 5 : (int)path.n, is_stdin ? "stdin" : path.p,
			errno != 0 ? strerror(errno) : "it holds more than this can be");
		return EXIT_FAILED;
	}
	*ret = text;
	return EXIT_DONE;
}
