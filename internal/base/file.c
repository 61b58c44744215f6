#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static bool is_ours(gid_t group)
{
	gid_t groups[NGROUPS_MAX];
	int n = getgroups(NGROUPS_MAX, groups);
	for (int i = 0; i < n; i++)
		if (groups[i] == group)
			return true;
	return group == getegid();
}

bool file_is_exposed(const char *path)
{
	struct statx st;
	if (statx(AT_FDCWD, path, 0, STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID, &st) != 0 || !S_ISREG(st.stx_mode))
		return false;
	if ((st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0)
		return false;
	if ((st.stx_mode & S_IRWXO) != 0)
		return true;
	return (st.stx_mode & S_IRWXG) != 0 && ((st.stx_mode & S_IRWXG) != S_IRGRP || st.stx_uid != 0 || !is_ours(st.stx_gid));
}

enum err file_open_standard(bool writable)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", writable ? O_RDWR : O_RDONLY) != fd)
			return ERR_IO;
	return ERR_OK;
}
