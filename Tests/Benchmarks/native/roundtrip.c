// Sends requests one at a time, each when the answer to the one before has come, and prints how long they took.
//
//   roundtrip --stream fd:N|unix:PATH --requests FILE --answer TEXT --refusal TEXT --warm-up N
//
// FILE as for load.c. TEXT of --answer stands once in every answer and nowhere else, that of --refusal in answers that
// are no success; one such answer ends the program. The first N are not counted.

#define _GNU_SOURCE
#include "histogram.h"
#include "streams.h"

static char received[1 << 20];

int main(int argc, char **argv) {
  const char *stream = NULL, *file = NULL, *answer = NULL, *refusal = NULL;
  uint64_t warm_up = 0;
  for (int at = 1; at + 1 < argc; at += 2) {
    const char *name = argv[at], *value = argv[at + 1];
    if (strcmp(name, "--stream") == 0) stream = value;
    else if (strcmp(name, "--requests") == 0) file = value;
    else if (strcmp(name, "--answer") == 0) answer = value;
    else if (strcmp(name, "--refusal") == 0) refusal = value;
    else if (strcmp(name, "--warm-up") == 0) warm_up = strtoull(value, NULL, 10);
    else fail_with(name);
  }
  if (!stream || !file || !answer || !refusal) fail_with("--stream, --requests, --answer and --refusal are needed");
  struct messages requests = messages_map(file);
  int fd = stream_open(stream);
  struct timeval patience = {.tv_sec = 10};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);

  static struct histogram latency;
  size_t kept = 0, answer_length = strlen(answer);
  for (uint64_t at = 0; at < requests.count; at++) {
    uint64_t length = requests.offsets[at + 1] - requests.offsets[at];
    uint64_t began = now_ns();
    if (send(fd, requests.bytes + requests.offsets[at], length, MSG_NOSIGNAL) != (ssize_t)length) fail("send");
    for (;;) {
      ssize_t got = read(fd, received + kept, sizeof received - kept);
      if (got <= 0) fail(got == 0 ? "the connection was closed" : "no answer in time");
      uint64_t now = now_ns();
      kept += (size_t)got;
      if (memmem(received, kept, refusal, strlen(refusal))) {
        fprintf(stderr, "refused: %.*s\n", (int)(kept < 2000 ? kept : 2000), received);
        return 1;
      }
      char *found = memmem(received, kept, answer, answer_length);
      // What is behind the answer, or might be its beginning, stays for the next look.
      size_t rest = kept < answer_length ? kept : answer_length - 1;
      if (found) rest = kept - (size_t)(found - received) - answer_length;
      memmove(received, received + kept - rest, rest);
      kept = rest;
      if (found) {
        if (at >= warm_up) histogram_add(&latency, now - began);
        break;
      }
    }
  }
  printf("{\"latency_us\":");
  histogram_print(&latency, stdout);
  printf("}\n");
  return 0;
}
