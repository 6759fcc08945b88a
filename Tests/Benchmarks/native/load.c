// The measured load on every benchmark with processes: publishes prepared messages into a system and reads what comes
// out at its readers. One thread, one epoll; the same program for the bridge and for all its peers, so that what
// differs between two figures is the system between publisher and readers.
//
//   load --messages FILE [--publish fd:N|unix:PATH|tcp:PORT|pair|relay] [--greeting FILE] [--heartbeat]
//        --readers N --connect unix:PATH|tcp:PORT|accept:FD|pair [--request FILE [--request-step BYTES]]
//        [--settled-marks N] [--settled-bytes N] [--mark CODE] [--marks-per-line N]
//
// FILE of --messages holds the number of messages (64 bits), the length of each (32 bits), and then their bytes.
// --request is sent by each reader; with --request-step reader i sends the i-th piece of so many bytes.
// Readers are settled when each has received so many marks (a byte value, usually newline) and bytes.
// Prints one JSON object when all are settled. Then takes commands on standard input, with one JSON object for each:
//
//   run COUNT RATE WINDOW SPIN   publishes COUNT messages and waits for their lines at every reader.
//     RATE is messages a second; 0 is as fast as WINDOW allows: messages on their way, by the readers' average.
//     SPIN 1 polls instead of sleeping, so that a line's arrival is seen when it is readable.
//
// Latency is from just before the write of the message to when its line is seen to be readable; a message that had to
// wait for room counts from when it was due.

#define _GNU_SOURCE
#include "histogram.h"
#include "relay.h"
#include "streams.h"

#include <inttypes.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { BUFFER_BYTES = 1 << 18, EVENTS_MAX = 1024, HEARTBEAT_NS = 1000000000, STALLED_NS = 2000000000 };

struct reader {
  int fd;
  uint64_t bytes, marks;
};

static struct messages messages;
static struct reader *readers;
static int readers_count, publisher = -1, epoll;
static int mark = '\n', has_heartbeat;
static uint64_t marks_per_line = 1;
static uint64_t next_message, sent_bytes; // of all runs so far
static uint64_t *sent_at;                 // when each message of this run was written
static uint64_t run_lines, run_bytes, run_first;
static struct histogram latency;
static char buffer[BUFFER_BYTES];
static pid_t relay_child;

static void watch(int fd, uint64_t tag) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = tag};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

enum { TAG_COMMANDS = UINT32_MAX, TAG_PUBLISHER = UINT32_MAX - 1 };

static uint64_t count_marks(const char *bytes, ssize_t length) {
  uint64_t count = 0;
  for (ssize_t at = 0; at < length; at++) count += bytes[at] == (char)mark;
  return count;
}

// `readable_at` is when epoll said so: right for the first line; those behind it may have come while others were read.
static void read_from(struct reader *reader, uint64_t readable_at, int is_running) {
  uint64_t now = now_ns();
  ssize_t length = read(reader->fd, buffer, BUFFER_BYTES);
  if (length == 0) fail_with("a reader's connection was closed");
  if (length < 0) {
    if (errno == EAGAIN) return;
    fail("read of a reader");
  }
  uint64_t before = reader->marks / marks_per_line;
  reader->marks += count_marks(buffer, length);
  reader->bytes += (uint64_t)length;
  if (!is_running) return;
  uint64_t after = reader->marks / marks_per_line;
  run_bytes += (uint64_t)length;
  run_lines += after - before;
  // The n-th line at a reader is the n-th message; lines beyond are about something else.
  for (uint64_t line = before; line < after && run_first + line < next_message; line++) {
    uint64_t arrived = line == before && readable_at > sent_at[line] ? readable_at : now;
    histogram_add(&latency, arrived - sent_at[line]);
  }
}

// Answers of the system to the publisher mean nothing here, but must not pile up.
static void discard_from_publisher(void) {
  ssize_t length = read(publisher, buffer, BUFFER_BYTES);
  if (length == 0) fail_with("the publisher's connection was closed");
}

// Writes messages of this run up to `end`, as far as there is room.
static void publish(uint64_t end, double rate, uint64_t began) {
  static int was_blocked;
  uint64_t end_bytes = messages.offsets[end];
  uint64_t now = now_ns();
  uint64_t stamped = next_message;
  while (sent_bytes < end_bytes) {
    uint64_t room = end_bytes - sent_bytes;
    ssize_t written = send(publisher, messages.bytes + sent_bytes, room < 65536 ? room : 65536, MSG_NOSIGNAL);
    if (written < 0) {
      if (errno != EAGAIN) fail("write of the publisher");
      was_blocked = 1;
      break;
    }
    sent_bytes += (uint64_t)written;
  }
  while (next_message < end && messages.offsets[next_message + 1] <= sent_bytes) next_message++;
  for (; stamped < next_message; stamped++) {
    uint64_t due = rate > 0 ? began + (uint64_t)((double)(stamped - run_first) * 1e9 / rate) : now;
    sent_at[stamped - run_first] = was_blocked && due < now ? due : now;
  }
  if (sent_bytes == end_bytes) was_blocked = 0;
}

static void publish_heartbeat(void) {
  static const char frame[] = "\x81\x17{\"channel\":\"heartbeat\"}";
  if (send(publisher, frame, sizeof frame - 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN) fail("write of a heartbeat");
}

// One round of epoll, back at `until` at the latest; returns the number of events.
static int take_events(uint64_t until, int is_running, int *has_command) {
  struct epoll_event events[EVENTS_MAX];
  uint64_t now = now_ns();
  uint64_t left = until > now ? until - now : 0;
  struct timespec pause = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
  int count = epoll_pwait2(epoll, events, EVENTS_MAX, &pause, NULL);
  if (count < 0 && errno != EINTR) fail("epoll_pwait2");
  uint64_t readable_at = now_ns();
  for (int at = 0; at < count; at++) {
    uint64_t tag = events[at].data.u64;
    if (tag == TAG_COMMANDS) *has_command = 1;
    else if (tag == TAG_PUBLISHER) discard_from_publisher();
    else read_from(&readers[tag], readable_at, is_running);
  }
  return count;
}

static double own_cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static void run(uint64_t count, double rate, uint64_t window, int spins) {
  if (publisher < 0) fail_with("nothing to publish to");
  if (count > messages.count - next_message) fail_with("there are not so many messages");
  for (int at = 0; at < readers_count; at++) readers[at].marks = readers[at].bytes = 0;
  run_first = next_message;
  run_lines = run_bytes = 0;
  histogram_reset(&latency);
  free(sent_at);
  sent_at = calloc(count, sizeof *sent_at);
  uint64_t end = run_first + count;
  uint64_t expected = count * (uint64_t)readers_count;
  uint64_t began = now_ns(), progressed = began, last_lines = 0;
  double cpu = own_cpu();
  int ignored = 0;
  while (next_message < end || run_lines < expected) {
    uint64_t now = now_ns(), until;
    if (rate > 0) {
      uint64_t due = (uint64_t)((double)(now - began) * rate / 1e9) + 1;
      uint64_t end_due = run_first + (due < count ? due : count);
      if (next_message < end) publish(end_due, rate, began);
      until = began + (uint64_t)((double)(next_message - run_first) * 1e9 / rate);
      // There was no room, or all is on its way: look again soon.
      if (next_message < end_due || next_message == end) until = now + 1000000;
    } else {
      uint64_t allowed = run_lines / (uint64_t)readers_count + window;
      if (next_message < end) publish(run_first + (allowed < count ? allowed : count), 0, began);
      until = now + 1000000;
    }
    take_events(spins ? 0 : until, 1, &ignored);
    if (run_lines != last_lines || next_message < end) {
      last_lines = run_lines;
      progressed = now;
    } else if (now - progressed > STALLED_NS) {
      break; // Lines were lost on the way; how many stands in the result.
    }
  }
  // A stall is no work: time counts up to the last line.
  double wall = (double)((run_lines < expected ? progressed : now_ns()) - began) * 1e-9;
  printf("{\"messages\":%" PRIu64 ",\"lines\":%" PRIu64 ",\"missing\":%" PRId64 ",\"bytes\":%" PRIu64
         ",\"wall_s\":%.6f,\"load_cpu_s\":%.6f,\"latency_us\":",
         count, run_lines, (int64_t)(expected - run_lines), run_bytes, wall, own_cpu() - cpu);
  histogram_print(&latency, stdout);
  printf("}\n");
  fflush(stdout);
}

// Readers on socket pairs, without any system: written by ourselves (pair) or by a process in between (relay).
static void connect_pairs(const char *how) {
  int *ends = calloc((size_t)readers_count, sizeof *ends);
  for (int at = 0; at < readers_count; at++) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) fail("socketpair");
    readers[at].fd = pair[0];
    ends[at] = pair[1];
  }
  if (strcmp(how, "relay") == 0) {
    relay_child = relay_start(ends, readers_count, &publisher);
  } else {
    if (readers_count != 1) fail_with("a bare pair has one reader");
    publisher = ends[0];
  }
  free(ends);
}

static int are_settled(uint64_t marks, uint64_t bytes) {
  for (int at = 0; at < readers_count; at++)
    if (readers[at].marks < marks || readers[at].bytes < bytes) return 0;
  return 1;
}

int main(int argc, char **argv) {
  const char *publish_to = NULL, *connect_to = NULL, *messages_file = NULL, *greeting = NULL, *request = NULL;
  uint64_t settled_marks = 0, settled_bytes = 0, request_step = 0;
  for (int at = 1; at < argc; at++) {
    const char *name = argv[at];
    if (strcmp(name, "--heartbeat") == 0) { has_heartbeat = 1; continue; }
    if (++at == argc) fail_with("a value is missing");
    const char *value = argv[at];
    if (strcmp(name, "--messages") == 0) messages_file = value;
    else if (strcmp(name, "--publish") == 0) publish_to = value;
    else if (strcmp(name, "--greeting") == 0) greeting = value;
    else if (strcmp(name, "--readers") == 0) readers_count = atoi(value);
    else if (strcmp(name, "--connect") == 0) connect_to = value;
    else if (strcmp(name, "--request") == 0) request = value;
    else if (strcmp(name, "--request-step") == 0) request_step = strtoull(value, NULL, 10);
    else if (strcmp(name, "--settled-marks") == 0) settled_marks = strtoull(value, NULL, 10);
    else if (strcmp(name, "--settled-bytes") == 0) settled_bytes = strtoull(value, NULL, 10);
    else if (strcmp(name, "--mark") == 0) mark = atoi(value);
    else if (strcmp(name, "--marks-per-line") == 0) marks_per_line = strtoull(value, NULL, 10);
    else fail_with(name);
  }
  if (!connect_to || readers_count < 1) fail_with("--readers and --connect are needed");
  raise_descriptor_limit();
  epoll = epoll_create1(0);
  readers = calloc((size_t)readers_count, sizeof *readers);
  if (messages_file) messages = messages_map(messages_file);

  uint64_t began = now_ns(), connected;
  if (strcmp(connect_to, "pair") == 0) {
    connect_pairs(publish_to ? publish_to : "pair");
    connected = now_ns();
  } else {
    if (publish_to) {
      publisher = stream_open(publish_to);
      if (greeting) stream_send_file(publisher, greeting, 0, 0);
    }
    began = now_ns();
    for (int at = 0; at < readers_count; at++) {
      readers[at].fd = stream_open(connect_to);
      if (request) stream_send_file(readers[at].fd, request, request_step * (uint64_t)at, request_step);
    }
    connected = now_ns();
  }
  for (int at = 0; at < readers_count; at++) {
    set_nonblocking(readers[at].fd);
    watch(readers[at].fd, (uint64_t)at);
  }
  if (publisher >= 0) {
    set_nonblocking(publisher);
    if (strcmp(connect_to, "pair") != 0) watch(publisher, TAG_PUBLISHER);
  }
  int has_command = 0;
  uint64_t deadline = now_ns() + 60000000000ull;
  while (!are_settled(settled_marks, settled_bytes)) {
    take_events(now_ns() + 1000000, 0, &has_command);
    if (now_ns() > deadline) fail_with("the readers did not get their first lines");
  }
  printf("{\"readers\":%d,\"connect_s\":%.6f,\"settled_s\":%.6f,\"relay_pid\":%d}\n", readers_count,
         (double)(connected - began) * 1e-9, (double)(now_ns() - began) * 1e-9, (int)relay_child);
  fflush(stdout);

  watch(0, TAG_COMMANDS);
  for (;;) {
    has_command = 0;
    int events = take_events(now_ns() + HEARTBEAT_NS, 0, &has_command);
    if (has_command) {
      char line[128];
      ssize_t length = read(0, line, sizeof line - 1);
      if (length <= 0) break;
      line[length] = 0;
      uint64_t count, window;
      double rate;
      int spins;
      if (sscanf(line, "run %" SCNu64 " %lf %" SCNu64 " %d", &count, &rate, &window, &spins) != 4) fail_with("not a command");
      run(count, rate, window, spins);
    } else if (events == 0 && has_heartbeat && publisher >= 0) {
      publish_heartbeat();
    }
  }
  if (relay_child > 0) {
    close(publisher);
    waitpid(relay_child, NULL, 0);
  }
  return 0;
}
