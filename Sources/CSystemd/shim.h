/* The parts of libsystemd that SystemdNotify uses. Variadic functions are not imported into Swift, so
 * SystemdNotify builds its strings itself. _GNU_SOURCE stays undefined here: defining it would give this
 * module another view of the C library than Glibc has. */
#ifndef CSYSTEMD_SHIM_H
#define CSYSTEMD_SHIM_H

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* prctl(2) is variadic too. */
static inline int kraken_bridge_forbid_dumps(void) {
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* malloc.h is not part of the Glibc module. */
static inline void kraken_bridge_trim_heap(void) {
    malloc_trim(0);
}

/* memfd_create(2) and its seals are hidden without _GNU_SOURCE; the numbers are the kernel's. */
static inline int kraken_bridge_memory_file(const char *name) {
    return (int)syscall(SYS_memfd_create, name, 0x3u /* MFD_CLOEXEC | MFD_ALLOW_SEALING */);
}

static inline int kraken_bridge_seal(int descriptor) {
    return fcntl(descriptor, 1033 /* F_ADD_SEALS */, 0xf /* seal, shrink, grow, write */);
}

/* Gives back the memory behind a part of a memory file, which reads as zeros from then on. */
static inline void kraken_bridge_punch_hole(int descriptor, long offset, long length) {
    syscall(SYS_fallocate, descriptor, 0x3 /* punch hole, keep size */, offset, length);
}

#endif
