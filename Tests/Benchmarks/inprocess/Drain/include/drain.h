// The other end of the fan-out benchmarks: Unix sockets whose readers live in a process of their own, so that reading
// costs the measured process nothing but what waking somebody costs. The bridge's fan-out and the plain C loop use
// the same sockets, the same line and the same pauses, and so differ in nothing but themselves.
#ifndef DRAIN_H
#define DRAIN_H

#include <stddef.h>
#include <stdint.h>

/// Opens a socket pair for each reader and starts the process that reads them. Call once, before any thread exists.
/// Returns 0, or -1 with errno.
int drain_open(int readers);

/// The writing end for a reader counted from 0; it never blocks.
int drain_socket(int reader);

/// Waits until `bytes` in all were read. Returns 0, or -1 if the reading process is gone.
int drain_wait(uint64_t bytes);

/// The line that is written, ended by LF, as an update of a ticker looks.
const char *drain_line(void);
size_t drain_line_length(void);

/// How many turns may be written before everybody has to be waited for, so that no socket's buffer fills up.
long drain_turns_per_burst(int readers, int lines_per_turn, int is_filtered);

#endif
