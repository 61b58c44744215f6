/* A file for a private key: the owner's alone, and never over one that is there. */
#ifndef M2MCTL_PRIVATE_FILE_H
#define M2MCTL_PRIVATE_FILE_H

#include "ctl.h"

/* Says what is wrong and answers EXIT_FAILED; then there is no such file of ours. */
int private_file_make(struct ctl *ctl, struct str path, struct str text);

/* Takes back what private_file_make made. */
void private_file_remove(struct ctl *ctl, struct str path);

#endif
