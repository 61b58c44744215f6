/* m2mctl audit report, story: answers whose columns are the database's. */
#ifndef M2MCTL_AUDIT_REPORT_H
#define M2MCTL_AUDIT_REPORT_H

#include "ctl.h"

int audit_report(struct ctl *ctl, char **args);
int audit_story(struct ctl *ctl, char **args);

#endif
