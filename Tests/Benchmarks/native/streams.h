// Sockets, files and time for the programs in this folder: they end with a message as soon as anything fails, because
// a figure from a run that half worked is worth nothing.

#ifndef STREAMS_H
#define STREAMS_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static inline _Noreturn void fail(const char *what) {
  perror(what);
  exit(1);
}

static inline _Noreturn void fail_with(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static inline uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) fail("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static inline void set_nonblocking(int fd) {
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0) fail("fcntl");
}

static inline void send_at_once(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static inline int tcp_connect(int port) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect to a port");
  send_at_once(fd);
  return fd;
}

// Two ends of one TCP connection over the loopback.
static inline int tcp_pair(int *other) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &length) != 0)
    fail("listen");
  int fd = tcp_connect(ntohs(address.sin_port));
  *other = accept(listener, NULL, NULL);
  if (*other < 0) fail("accept");
  close(listener);
  return fd;
}

// fd:N is inherited, accept:N takes the next connection of an inherited listener; unix:PATH and tcp:PORT connect.
static inline int stream_open(const char *address) {
  if (strncmp(address, "fd:", 3) == 0) return atoi(address + 3);
  if (strncmp(address, "tcp:", 4) == 0) return tcp_connect(atoi(address + 4));
  if (strncmp(address, "accept:", 7) == 0) {
    int fd = accept(atoi(address + 7), NULL, NULL);
    if (fd < 0) fail("accept");
    return fd;
  }
  if (strncmp(address, "unix:", 5) != 0) fail_with(address);
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  if (strlen(address + 5) >= sizeof name.sun_path) fail_with("path too long");
  strcpy(name.sun_path, address + 5);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof name) != 0) fail(address);
  return fd;
}

static inline char *file_map(const char *path, uint64_t *length) {
  int fd = open(path, O_RDONLY);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) fail(path);
  char *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  if (bytes == MAP_FAILED) fail(path);
  close(fd);
  *length = (uint64_t)status.st_size;
  return bytes;
}

// Sends `length` bytes of a file from `from`, or all of it when `length` is 0. Small files only: the socket blocks.
static inline void stream_send_file(int fd, const char *path, uint64_t from, uint64_t length) {
  static const char *mapped_path;
  static char *bytes;
  static uint64_t size;
  if (mapped_path != path) bytes = file_map(mapped_path = path, &size);
  uint64_t end = length ? from + length : size;
  if (end > size) fail_with("the file of requests is too short");
  while (from < end) {
    ssize_t written = send(fd, bytes + from, end - from, MSG_NOSIGNAL);
    if (written < 0) fail("send");
    from += (uint64_t)written;
  }
}

struct messages {
  uint64_t count;
  uint64_t *offsets; // count + 1 of them
  const char *bytes;
};

// 64 bits with the number of messages, 32 bits with the length of each, and their bytes; little-endian.
static inline struct messages messages_map(const char *path) {
  struct messages messages;
  uint64_t size;
  const char *file = file_map(path, &size);
  memcpy(&messages.count, file, 8);
  messages.offsets = calloc(messages.count + 1, sizeof *messages.offsets);
  for (uint64_t at = 0; at < messages.count; at++) {
    uint32_t length;
    memcpy(&length, file + 8 + 4 * at, 4);
    messages.offsets[at + 1] = messages.offsets[at] + length;
  }
  messages.bytes = file + 8 + 4 * messages.count;
  if (8 + 4 * messages.count + messages.offsets[messages.count] != size) fail_with("the file of messages is damaged");
  return messages;
}

#endif
