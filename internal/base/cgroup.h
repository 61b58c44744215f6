/* What the control group of this process (cgroup v2) allows it: a container's or a service's
 * limits. */
#ifndef M2M_BASE_CGROUP_H
#define M2M_BASE_CGROUP_H

#include <stdint.h>

struct cgroup_limits {
	unsigned cpus;   /* whole cores that the quota amounts to, rounded up; 0: no quota */
	uint64_t memory; /* bytes; 0: no limit */
};

#define CGROUP_OF_SELF "/proc/self/cgroup"
#define CGROUP_MOUNT   "/sys/fs/cgroup"

/* The tightest limits of the group that the file `self` names and of the groups around it, below
 * `mount`. What can't be read is no limit. */
struct cgroup_limits cgroup_limits(const char *self, const char *mount);

#endif
