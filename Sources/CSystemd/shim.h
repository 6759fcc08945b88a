/* The parts of libsystemd that SystemdNotify uses. Variadic functions are not imported into Swift, so
 * SystemdNotify builds its strings itself. _GNU_SOURCE stays undefined here: defining it would give this
 * module another view of the C library than Glibc has. */
#ifndef CSYSTEMD_SHIM_H
#define CSYSTEMD_SHIM_H

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#endif
