// The least that anything between one publisher and many readers can do: a process that reads from TCP and writes all
// of it to every reader. It looks at nothing, so what the bridge takes beyond this is for being a bridge.

#ifndef RELAY_H
#define RELAY_H

#include "streams.h"

static inline _Noreturn void relay(int upstream, const int *outputs, int count) {
  static char buffer[1 << 18];
  for (;;) {
    ssize_t length = read(upstream, buffer, sizeof buffer);
    if (length <= 0) _exit(0);
    for (int at = 0; at < count; at++) {
      for (ssize_t done = 0; done < length;) {
        ssize_t written = send(outputs[at], buffer + done, (size_t)(length - done), MSG_NOSIGNAL);
        if (written < 0) _exit(1);
        done += written;
      }
    }
  }
}

// The process writes to `outputs`, which are closed here, and ends when `*publisher` is closed.
static inline pid_t relay_start(const int *outputs, int count, int *publisher) {
  int upstream;
  *publisher = tcp_pair(&upstream);
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    close(*publisher);
    relay(upstream, outputs, count);
  }
  close(upstream);
  for (int at = 0; at < count; at++) close(outputs[at]);
  return child;
}

#endif
