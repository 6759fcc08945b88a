// How long to wait before connecting again. A local daemon that restarts is back within a second, so
// the first attempts come quickly; many readers of one daemon must not all come at the same moment.

/// Pauses between attempts to reach the bridge: at once, then growing, with jitter.
public struct Backoff: Sendable, Equatable {
  public var first: Duration
  public var longest: Duration

  public init(first: Duration = .milliseconds(100), longest: Duration = .seconds(5)) {
    self.first = first
    self.longest = longest
  }

  /// The pause before the attempt of that number, counted from 1: none before the first, then `first`, doubled each time
  /// up to `longest`, each drawn from its upper half.
  public func pause(before attempt: Int, using generator: inout some RandomNumberGenerator) -> Duration {
    guard attempt > 1 else { return .zero }
    // 2^20 times any sensible first pause is beyond any sensible longest one.
    let full = min(longest, first * (1 << min(attempt - 2, 20)))
    return full / 2 + (full / 2) * Double.random(in: 0...1, using: &generator)
  }
}
