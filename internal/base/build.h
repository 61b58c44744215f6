/* What the build knows of itself. */
#ifndef M2M_BASE_BUILD_H
#define M2M_BASE_BUILD_H

/* The revision of the sources, as git or M2M_REVISION told it when the build was configured; NULL:
 * neither did. Static storage. */
const char *build_revision(void);

#endif
