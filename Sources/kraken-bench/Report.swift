// What a measured part used, and how that is told.

import Glibc

/// CPU and wall time of the parts of a run between `start` and `stop`. The process has one thread.
struct Stopwatch {
  private(set) var cpu = 0.0
  private(set) var wall = 0.0
  private var cpuStart = 0.0
  private var wallStart = 0.0

  mutating func start() {
    wallStart = Self.seconds(CLOCK_MONOTONIC)
    cpuStart = Self.seconds(CLOCK_PROCESS_CPUTIME_ID)
  }

  mutating func stop() {
    cpu += Self.seconds(CLOCK_PROCESS_CPUTIME_ID) - cpuStart
    wall += Self.seconds(CLOCK_MONOTONIC) - wallStart
  }

  private static func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

struct Report: CustomStringConvertible {
  var units: Int
  var bytes: Int
  var stopwatch: Stopwatch
  /// Further integers, in order.
  var further: [(String, Int)] = []

  var description: String {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    let more = further.map { ",\"\($0.0)\":\($0.1)" }.joined()
    return "{\"units\":\(units),\"bytes\":\(bytes),\"cpu_s\":\(stopwatch.cpu),\"wall_s\":\(stopwatch.wall),"
      + "\"rss_kib\":\(usage.ru_maxrss)\(more)}"
  }
}
