#include "worker/process_metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"

static void put(struct sbuf *out, const char *name, const char *type, const char *help, double value)
{
	sbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, type, name, value);
}

/* Field `field` of /proc/self/stat (proc(5)), counted from 3, the first behind the name in
 * brackets; 0 if it can't be had. */
static double stat_field(const char *text, unsigned field)
{
	const char *at = text == NULL ? NULL : strrchr(text, ')');
	for (unsigned i = 2; at != NULL && i < field; i++)
		at = strchr(at + 1, ' ');
	return at == NULL ? 0 : strtod(at, NULL);
}

static unsigned open_descriptors(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (d != NULL && readdir(d) != NULL)
		n++;
	if (d != NULL)
		closedir(d);
	return n < 3 ? 0 : n - 3; /* ".", ".." and the folder's own */
}

/* When the system came up, in seconds since 1970. */
static double boot_time(void)
{
	struct str text = file_read(STR("/proc/stat"), 1 << 20);
	double at = 0;
	for (struct str rest = text, line; (line = str_split(&rest, '\n')).p != NULL;)
		if (str_starts(line, STR("btime ")))
			at = strtod(line.p + 6, NULL);
	free((char *)text.p);
	return at;
}

void process_metrics(struct sbuf *out)
{
	char text[1024];
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	struct rlimit files = {0, 0};
	getrlimit(RLIMIT_NOFILE, &files);
	struct rusage used = {0};
	getrusage(RUSAGE_SELF, &used);
	static double booted;
	if (booted == 0)
		booted = boot_time();
	put(out, "process_cpu_seconds_total", "counter", "CPU time spent, user and system.",
	    (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
	put(out, "process_resident_memory_bytes", "gauge", "Resident memory.", stat_field(text, 24) * (double)sysconf(_SC_PAGESIZE));
	put(out, "process_virtual_memory_bytes", "gauge", "Virtual memory.", stat_field(text, 23));
	put(out, "process_open_fds", "gauge", "Open file descriptors.", open_descriptors());
	put(out, "process_max_fds", "gauge", "Most file descriptors that may be open.", (double)files.rlim_cur);
	put(out, "process_start_time_seconds", "gauge", "When the process was started, in seconds since 1970.",
	    booted + stat_field(text, 22) / (double)sysconf(_SC_CLK_TCK));
}
