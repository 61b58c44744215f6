#include "private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static bool write_all(int fd, struct str text)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);
		if (n == -1 && errno != EINTR)
			return false;
		if (n > 0)
			text = str_from(text.p + n, text.n - (size_t)n);
	}
	return fsync(fd) == 0;
}

int private_file_make(struct ctl *ctl, struct str path, struct str text)
{
	struct str name = arena_printf(ctl->a, "%.*s", STR_ARG(path));
	errno = ENOMEM;
	int fd = name.p == NULL ? -1 : open(name.p, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1) {
		ctl_say("%.*s: %s", STR_ARG(path), errno == EEXIST ? "it is there already, and stays as it is" : strerror(errno));
		return EXIT_FAILED;
	}
	bool good = write_all(fd, text);
	int why = errno;
	if (close(fd) != 0 && good) {
		good = false;
		why = errno;
	}
	if (good)
		return EXIT_DONE;
	private_file_remove(ctl, path);
	ctl_say("%.*s: %s", STR_ARG(path), strerror(why));
	return EXIT_FAILED;
}

void private_file_remove(struct ctl *ctl, struct str path)
{
	struct str name = arena_printf(ctl->a, "%.*s", STR_ARG(path));
	if (name.p == NULL || unlink(name.p) != 0)
		ctl_say("%.*s: can't be removed; it holds a key that isn't registered", STR_ARG(path));
}
