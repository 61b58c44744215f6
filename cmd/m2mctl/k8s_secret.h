/* --output k8s-secret: credentials as the manifest of a Kubernetes Secret, for `kubectl apply -f
 * -`. */
#ifndef M2MCTL_K8S_SECRET_H
#define M2MCTL_K8S_SECRET_H

#include "base/sbuf.h"
#include "ctl.h"

struct field;

/* Before anything is done: that the command prints credentials if a manifest is asked for, and
 * that the names given are ones Kubernetes takes. Answers EXIT_DONE or EXIT_USAGE (printed). */
int k8s_secret_check(const struct ctl *ctl);

/* The manifest: every field that has a name in the environment becomes a key. Without
 * --secret-name it is called <organization>-m2m-client. */
void k8s_secret_put(struct ctl *ctl, struct sbuf *out, struct str organization, const struct field *fields, size_t n);

#endif
