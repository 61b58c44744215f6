#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct str file_read(struct str path, size_t max)
{
	char *name = strndup(path.p, path.n);
	char *bytes = malloc(max + 1);
	int fd = name == NULL ? -1 : open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t n = 0;
	ssize_t got = fd < 0 || bytes == NULL ? -1 : 1;
	while (got > 0 && n <= max) {
		got = read(fd, bytes + n, max + 1 - n);
		if (got > 0)
			n += (size_t)got;
	}
	int why = n > max ? EFBIG : errno;
	if (fd >= 0)
		close(fd);
	free(name);
	if (got >= 0 && n <= max)
		return str_from(bytes, n);
	free(bytes);
	errno = why;
	return STR_NONE;
}
