/* m2mctl client rotation, and end-unused: what becomes of the secrets that rotations replaced. */
#ifndef M2MCTL_CLIENT_ROTATION_H
#define M2MCTL_CLIENT_ROTATION_H

#include "ctl.h"

int client_rotation(struct ctl *ctl, char **args);
int client_end_unused(struct ctl *ctl, char **args);

#endif
