// The least that fanning out can cost: every line of a turn is put into one buffer, and one loop sends it to every
// reader. No interests, no cursors, no slow readers, nobody comes or goes. Prints what it used as one JSON object.
//
//   cc -O2 -o fanout_loop fanout_loop.c Drain/drain.c -I Drain/include
//   fanout_loop READERS LINES_PER_TURN LINES [filtered]
//
// `filtered`: line number n goes to reader n modulo READERS alone.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#include "drain.h"

static double seconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void send_all(int reader, const char *bytes, size_t count) {
  if (send(drain_socket(reader), bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)count) {
    perror("fanout_loop: a socket did not take all");
    exit(1);
  }
}

int main(int argc, char **argv) {
  int readers = argc > 3 ? atoi(argv[1]) : 0;
  int lines_per_turn = argc > 3 ? atoi(argv[2]) : 0;
  long lines = argc > 3 ? atol(argv[3]) : 0;
  int is_filtered = argc > 4 && strcmp(argv[4], "filtered") == 0;
  if (readers < 1 || lines_per_turn < 1 || lines < 1 || argc > 5 || (argc == 5 && !is_filtered)) {
    fprintf(stderr, "usage: fanout_loop READERS LINES_PER_TURN LINES [filtered]\n");
    return 64;
  }
  size_t length = drain_line_length();
  char *turn = malloc(length * (size_t)lines_per_turn);
  if (turn == NULL || drain_open(readers) != 0) {
    perror("fanout_loop");
    return 1;
  }
  long turns = (lines + lines_per_turn - 1) / lines_per_turn;
  long turns_per_burst = drain_turns_per_burst(readers, lines_per_turn, is_filtered);
  long line = 0;
  unsigned long long units = 0;
  double cpu = 0, wall = 0;
  while (turns > 0) {
    long burst = turns < turns_per_burst ? turns : turns_per_burst;
    double cpu_start = seconds(CLOCK_PROCESS_CPUTIME_ID), wall_start = seconds(CLOCK_MONOTONIC);
    for (long i = 0; i < burst; i++) {
      if (is_filtered) {
        // Each reader's lines of this turn, next to each other.
        int concerned = lines_per_turn < readers ? lines_per_turn : readers;
        for (int reader = 0; reader < concerned; reader++) {
          size_t bytes = 0;
          for (int n = reader; n < lines_per_turn; n += readers, bytes += length) memcpy(turn + bytes, drain_line(), length);
          send_all((int)((line + reader) % readers), turn, bytes);
        }
        units += (unsigned long long)lines_per_turn;
      } else {
        for (int n = 0; n < lines_per_turn; n++) memcpy(turn + (size_t)n * length, drain_line(), length);
        for (int reader = 0; reader < readers; reader++) send_all(reader, turn, length * (size_t)lines_per_turn);
        units += (unsigned long long)lines_per_turn * (unsigned long long)readers;
      }
      line += lines_per_turn;
    }
    cpu += seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
    wall += seconds(CLOCK_MONOTONIC) - wall_start;
    turns -= burst;
    if (drain_wait(units * length) != 0) {
      fprintf(stderr, "fanout_loop: the reading process is gone\n");
      return 1;
    }
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("{\"units\":%llu,\"bytes\":%llu,\"cpu_s\":%.9f,\"wall_s\":%.9f,\"rss_kib\":%ld}\n", units,
         units * (unsigned long long)length, cpu, wall, usage.ru_maxrss);
  return 0;
}
