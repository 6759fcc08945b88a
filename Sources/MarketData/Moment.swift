/// A reading of both clocks, handed to every machine that needs the time.
///
/// Nothing below the daemon reads a clock itself: deadlines are compared on the monotonic reading,
/// which never jumps; what people see and what survives a restart uses the wall clock.
public struct Moment: Sendable, Hashable {
  /// Nanoseconds on a clock that only goes forward; its origin means nothing.
  public var monotonic: Int64
  /// Nanoseconds since 1970-01-01T00:00:00Z.
  public var wall: Int64

  public init(monotonic: Int64, wall: Int64) {
    self.monotonic = monotonic
    self.wall = wall
  }

  /// The moment `duration` later, on both clocks.
  public func advanced(by duration: Duration) -> Moment {
    let nanoseconds = duration.nanoseconds
    return Moment(monotonic: monotonic + nanoseconds, wall: wall + nanoseconds)
  }
}

extension Duration {
  /// Whole nanoseconds; durations beyond 292 years are cut to the largest `Int64`.
  public var nanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return seconds < 0 ? .min : .max }
    return scaled &+ attoseconds / 1_000_000_000
  }
}
