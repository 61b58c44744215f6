#include "harness/scarcity.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness/gateway.h"
#include "harness/require.h"
#include "harness/tmp.h"

static struct scarcity_control *control;

void scarcity_prepare(struct env *gateway)
{
	char path[TMP_PATH], library[TMP_PATH];
	tmp_path(path, "scarcity", ".map");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	require(fd >= 0 && ftruncate(fd, sizeof *control) == 0, "can't write %s", path);
	void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	require(map != MAP_FAILED, "can't map %s", path);
	close(fd);
	control = map;
	env_set(gateway, "SCARCITY=%s", path);
	env_set(gateway, "LD_PRELOAD=%s", program_path("tests/failing_malloc.so", library));
	if (getenv("SCARCITY_TRACE") != NULL)
		env_set(gateway, "SCARCITY_TRACE=1");
	/* glibc's own, of a library that dlopen has no memory for */
	tmp_path(path, "lsan", ".suppressions");
	tmp_write(path, "leak:_dl_map_object_deps\nleak:dl_open_worker\n");
	env_set(gateway, "LSAN_OPTIONS=suppressions=%s:print_suppressions=0", path);
	/* ours stands before the sanitizer's */
	env_set(gateway, "ASAN_OPTIONS=detect_leaks=1:exitcode=99:verify_asan_link_order=0");
}

void scarcity_fail(long before, long count)
{
	atomic_store(&control->one_in, 0);
	atomic_store(&control->before, before);
	atomic_store(&control->failing, count);
	atomic_store(&control->failed, 0);
	atomic_store(&control->armed, true);
}

void scarcity_fail_randomly(unsigned one_in, uint64_t seed)
{
	atomic_store(&control->one_in, one_in);
	atomic_store(&control->random, seed);
	atomic_store(&control->failed, 0);
	atomic_store(&control->armed, true);
}

unsigned long scarcity_end(void)
{
	atomic_store(&control->armed, false);
	return atomic_load(&control->failed);
}
