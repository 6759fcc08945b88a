// How often the manager wants a sign of life. The interval is kept in full precision: rounded to whole
// seconds and halved, a short one would become zero and the pings would silently stop.

import CSystemd

/// The manager's watchdog for this service.
public struct Watchdog: Sendable, Hashable {
  /// The manager acts when nothing came for this long.
  public let interval: Duration

  public init(interval: Duration) {
    self.interval = interval
  }

  /// The watchdog that WATCHDOG_USEC and WATCHDOG_PID ask this process for; nil if none.
  public static func requested() -> Watchdog? {
    var microseconds: UInt64 = 0
    guard sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
    // The manager counts in microseconds up to UINT64_MAX, its "infinity"; a century is as good.
    return Watchdog(interval: .microseconds(Int64(min(microseconds, 3_155_760_000_000_000))))
  }

  /// When to ping: half the interval, and a third of one so short that a late timer would eat the rest.
  public var pingInterval: Duration {
    interval < .milliseconds(500) ? interval / 3 : interval / 2
  }
}
