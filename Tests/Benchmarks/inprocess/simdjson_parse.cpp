// Parsing alone, as fast as anybody does it: simdjson's DOM parser over the messages of a file, one a line, again and
// again up to a number. Everything is parsed and checked; one member is looked at, so that nothing is left out.
//
//   c++ -O2 -o simdjson_parse simdjson_parse.cpp -lsimdjson
//   simdjson_parse FILE MESSAGES
#include <simdjson.h>
#include <sys/resource.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

static double seconds(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return double(time.tv_sec) + double(time.tv_nsec) / 1e9;
}

int main(int argc, char **argv) {
  long count = argc == 3 ? atol(argv[2]) : 0;
  if (count < 1) {
    fprintf(stderr, "usage: simdjson_parse FILE MESSAGES\n");
    return 64;
  }
  std::ifstream file(argv[1]);
  std::vector<simdjson::padded_string> messages;
  for (std::string line; std::getline(file, line);) messages.emplace_back(line);
  if (messages.empty()) {
    fprintf(stderr, "simdjson_parse: no messages in %s\n", argv[1]);
    return 1;
  }
  simdjson::dom::parser parser;
  unsigned long long bytes = 0, members = 0;
  auto parse = [&](const simdjson::padded_string &message) {
    simdjson::dom::element root;
    if (parser.parse(message).get(root) != simdjson::SUCCESS) {
      fprintf(stderr, "simdjson_parse: a message is not JSON\n");
      exit(1);
    }
    simdjson::dom::element data;
    if (root["data"].get(data) == simdjson::SUCCESS) members++;
    bytes += message.size();
  };
  for (const auto &message : messages) parse(message);
  bytes = members = 0;
  double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
  for (long i = 0; i < count; i++) parse(messages[size_t(i) % messages.size()]);
  cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  wall = seconds(CLOCK_MONOTONIC) - wall;
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("{\"units\":%ld,\"bytes\":%llu,\"cpu_s\":%.9f,\"wall_s\":%.9f,\"rss_kib\":%ld,\"with_data\":%llu,\"implementation\":\"%s\"}\n",
         count, bytes, cpu, wall, usage.ru_maxrss, members, simdjson::get_active_implementation()->name().c_str());
}
