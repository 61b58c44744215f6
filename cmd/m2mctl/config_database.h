/* The part of config check that asks the database: over m2mctl's login, and over the gateway's. */
#ifndef M2MCTL_CONFIG_DATABASE_H
#define M2MCTL_CONFIG_DATABASE_H

#include "findings.h"

/* Opens ctl->db, and leaves it open. */
void check_databases(struct ctl *ctl, struct findings *f);

#endif
