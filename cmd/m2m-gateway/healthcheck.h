/* m2m-gateway healthcheck: for container engines and exec probes, where there is neither shell
 * nor curl. */
#ifndef M2M_GATEWAY_HEALTHCHECK_H
#define M2M_GATEWAY_HEALTHCHECK_H

/* Asks the ops listener that the environment names. Returns the exit status: 0 healthy, 1 not
 * (one line says why), 2 usage, 3 settings. */
int healthcheck(int argc, char **argv);

#endif
