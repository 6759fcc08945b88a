// The clocks, in the few places that read them: everything that can be tested gets its time handed in.

import Glibc

/// Seconds of the monotonic clock.
func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Seconds since 1970 by the wall clock.
func wallSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// The time of day as it goes into a file name: `20261123T064500.123Z`.
func compactWallTime() -> String {
  var now = timespec()
  clock_gettime(CLOCK_REALTIME, &now)
  var parts = tm()
  gmtime_r(&now.tv_sec, &parts)
  func fixed(_ value: Int, _ digits: Int) -> String { String("000\(value)".suffix(digits)) }
  let date = "\(parts.tm_year + 1900)\(fixed(Int(parts.tm_mon) + 1, 2))\(fixed(Int(parts.tm_mday), 2))"
  let time = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { fixed(Int($0), 2) }.joined()
  return "\(date)T\(time).\(fixed(now.tv_nsec / 1_000_000, 3))Z"
}
