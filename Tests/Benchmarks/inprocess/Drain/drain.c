// See drain.h. The reading process is a fork: it ends by itself when the writing ends are closed.
#define _GNU_SOURCE
#include "drain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 20, EVENTS = 512, LINES_PER_READER = 128, BYTES_PER_READER = 65536 };

static const char line[] =
    "{\"channel\":\"ticker\",\"symbol\":\"BTC/USD\",\"type\":\"update\",\"seq\":1790000000123456,"
    "\"prev\":1790000000123455,\"received\":\"2026-10-09T00:34:21.060761123Z\",\"data\":{\"bid\":81776.6,"
    "\"bid_qty\":0.47200852,\"ask\":81776.7,\"ask_qty\":0.00050857,\"last\":81776.6,\"volume\":4031.89}}\n";

static int *writing;
static pid_t reader_process;
static _Atomic uint64_t *drained;

const char *drain_line(void) { return line; }
size_t drain_line_length(void) { return sizeof line - 1; }

static void drain(int *reading, int readers) {
  static struct epoll_event events[EVENTS];
  char *buffer = malloc(READ_BYTES);
  int epoll = epoll_create1(0);
  if (buffer == NULL || epoll < 0) _exit(1);
  for (int i = 0; i < readers; i++) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = reading[i]};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, reading[i], &event) != 0) _exit(1);
  }
  for (int open = readers; open > 0;) {
    int count = epoll_wait(epoll, events, EVENTS, -1);
    uint64_t bytes = 0;
    for (int i = 0; i < count; i++) {
      ssize_t taken = read(events[i].data.fd, buffer, READ_BYTES);
      if (taken > 0) {
        bytes += (uint64_t)taken;
      } else if (taken == 0 || errno != EAGAIN) {
        close(events[i].data.fd);
        open--;
      }
    }
    atomic_fetch_add(drained, bytes);
  }
  _exit(0);
}

int drain_open(int readers) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  writing = calloc((size_t)readers, sizeof *writing);
  int *reading = calloc((size_t)readers, sizeof *reading);
  drained = mmap(NULL, sizeof *drained, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (writing == NULL || reading == NULL || drained == MAP_FAILED) return -1;
  for (int i = 0; i < readers; i++) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0) return -1;
    writing[i] = pair[0];
    reading[i] = pair[1];
  }
  reader_process = fork();
  if (reader_process < 0) return -1;
  if (reader_process == 0) {
    for (int i = 0; i < readers; i++) close(writing[i]);
    drain(reading, readers);
  }
  for (int i = 0; i < readers; i++) close(reading[i]);
  free(reading);
  return 0;
}

int drain_socket(int reader) { return writing[reader]; }

int drain_wait(uint64_t bytes) {
  const struct timespec pause = {.tv_nsec = 20000};
  while (atomic_load(drained) < bytes) {
    if (waitpid(reader_process, NULL, WNOHANG) != 0) return -1;
    nanosleep(&pause, NULL);
  }
  return 0;
}

long drain_turns_per_burst(int readers, int lines_per_turn, int is_filtered) {
  long lines = BYTES_PER_READER / (long)drain_line_length();
  if (lines > LINES_PER_READER) lines = LINES_PER_READER;
  long turns = lines * (is_filtered ? readers : 1) / lines_per_turn;
  return turns > 0 ? turns : 1;
}
