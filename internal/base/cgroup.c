#include "base/cgroup.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

#define TEXT_MAX 4096

/* The file's text in `out`, "" if it can't be had. */
static void read_text(const char *path, char out[TEXT_MAX])
{
	struct str text = file_read(str_of(path), TEXT_MAX - 1);
	size_t n = text.p == NULL ? 0 : text.n;
	if (n > 0)
		memcpy(out, text.p, n);
	out[n] = '\0';
	free((char *)text.p);
}

/* "0::/kubepods/pod1" is the line of version 2. */
static void group_of(const char *self, char out[TEXT_MAX])
{
	char text[TEXT_MAX];
	read_text(self, text);
	const char *line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
	const char *path = line == NULL ? "" : strchr(line, '/');
	snprintf(out, TEXT_MAX, "%.*s", (int)strcspn(path, "\n"), path);
}

/* cpu.max is "max 100000" or "QUOTA PERIOD". */
static void take_cpus(const char *text, struct cgroup_limits *l)
{
	char *end = NULL;
	unsigned long long quota = strtoull(text, &end, 10), period = strtoull(end, NULL, 10);
	if (quota == 0 || period == 0)
		return;
	unsigned long long cpus = (quota + period - 1) / period;
	if (cpus < UINT_MAX && (l->cpus == 0 || cpus < l->cpus))
		l->cpus = (unsigned)cpus;
}

static void take_memory(const char *text, struct cgroup_limits *l)
{
	unsigned long long bytes = strtoull(text, NULL, 10); /* "max" is 0 */
	if (bytes > 0 && (l->memory == 0 || bytes < l->memory))
		l->memory = bytes;
}

static void take_group(const char *mount, const char *group, struct cgroup_limits *l)
{
	char path[2 * TEXT_MAX], text[TEXT_MAX];
	snprintf(path, sizeof path, "%s%s/cpu.max", mount, group);
	read_text(path, text);
	take_cpus(text, l);
	snprintf(path, sizeof path, "%s%s/memory.max", mount, group);
	read_text(path, text);
	take_memory(text, l);
}

struct cgroup_limits cgroup_limits(const char *self, const char *mount)
{
	struct cgroup_limits l = {0, 0};
	char group[TEXT_MAX];
	group_of(self, group);
	if (group[0] == '\0')
		return l;
	for (char *end = group + strlen(group); end != NULL; end = strrchr(group, '/')) {
		*end = '\0';
		take_group(mount, group, &l);
	}
	return l;
}
