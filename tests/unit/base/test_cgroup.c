#include "base/cgroup.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/m2m-cgroup-XXXXXX";
static const char *const folders[] = {"/pods", "/pods/one"};
static const char *const files[] = {
	"/self", "/cpu.max", "/memory.max", "/pods/cpu.max", "/pods/memory.max", "/pods/one/cpu.max", "/pods/one/memory.max"};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *below(const char *name)
{
	static char path[256];
	snprintf(path, sizeof path, "%s%s", root, name);
	return path;
}

static void set_up(void)
{
	cr_assert_not_null(mkdtemp(root));
	for (size_t i = 0; i < COUNT(folders); i++)
		cr_assert_eq(mkdir(below(folders[i]), 0755), 0);
}

static void tear_down(void)
{
	for (size_t i = 0; i < COUNT(files); i++)
		unlink(below(files[i]));
	for (size_t i = COUNT(folders); i-- > 0;)
		rmdir(below(folders[i]));
	rmdir(root);
}

TestSuite(cgroup, .init = set_up, .fini = tear_down);

static void put(const char *name, const char *text)
{
	FILE *f = fopen(below(name), "we");
	cr_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void expect(unsigned cpus, uint64_t memory)
{
	char self[256];
	snprintf(self, sizeof self, "%s", below("/self"));
	struct cgroup_limits l = cgroup_limits(self, root);
	cr_assert_eq(l.cpus, cpus, "%u", l.cpus);
	cr_assert_eq(l.memory, memory, "%llu", (unsigned long long)l.memory);
}

Test(cgroup, without_a_group_there_is_no_limit)
{
	expect(0, 0);
	put("/self", "4:memory:/pods\n1:name=systemd:/\n"); /* version 1 */
	put("/memory.max", "4096\n");
	expect(0, 0);
}

Test(cgroup, max_is_no_limit)
{
	put("/self", "0::/pods/one\n");
	put("/pods/one/cpu.max", "max 100000\n");
	put("/pods/one/memory.max", "max\n");
	expect(0, 0);
}

Test(cgroup, a_part_of_a_core_is_a_whole_one)
{
	put("/self", "1:name=systemd:/\n0::/pods/one\n");
	put("/pods/one/cpu.max", "50000 100000\n");
	expect(1, 0);
	put("/pods/one/cpu.max", "250000 100000\n");
	put("/pods/one/memory.max", "134217728\n");
	expect(3, 134217728);
}

Test(cgroup, the_tightest_of_the_groups_around_counts)
{
	put("/self", "0::/pods/one\n");
	put("/pods/one/cpu.max", "800000 100000\n");
	put("/pods/cpu.max", "200000 100000\n");
	put("/pods/memory.max", "1048576\n");
	put("/memory.max", "9999999\n");
	expect(2, 1048576);
}

/* As a container sees itself. */
Test(cgroup, the_group_may_be_the_root)
{
	put("/self", "0::/\n");
	put("/cpu.max", "400000 100000\n");
	expect(4, 0);
}
