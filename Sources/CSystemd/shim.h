/* The parts of libsystemd that SystemdNotify uses. Variadic functions are not imported into Swift, so
 * SystemdNotify builds its strings itself. _GNU_SOURCE stays undefined here: defining it would give this
 * module another view of the C library than Glibc has. */
#ifndef CSYSTEMD_SHIM_H
#define CSYSTEMD_SHIM_H

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <malloc.h>
#include <sys/prctl.h>

/* prctl(2) is variadic too. */
static inline int kraken_bridge_forbid_dumps(void) {
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* malloc.h is not part of the Glibc module. */
static inline void kraken_bridge_trim_heap(void) {
    malloc_trim(0);
}

#endif
