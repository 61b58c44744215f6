/* m2mctl client import, m2mctl client export. */
#ifndef M2MCTL_CLIENT_IMPORT_H
#define M2MCTL_CLIENT_IMPORT_H

#include "ctl.h"

#define CLIENT_IMPORT_USAGE                                                                                                                \
	"FILE|- [--from PRODUCT] [--org SLUG] [--org-from MEMBER] [--hashes FILE] [--scope S]... [--audience A]... [--lifetime SECONDS] "  \
	"[--dry-run]"

extern const char client_import_help[];
extern const char client_export_help[];

int client_import(struct ctl *ctl, char **args);
int client_export(struct ctl *ctl, char **args);

#endif
