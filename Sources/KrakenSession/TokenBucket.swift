// Paces requests: a burst, then so many a second, and fewer for a while after Kraken has complained.

struct TokenBucket: Sendable {
  private let burst: Int
  /// Nanoseconds a token takes to grow when nobody complains.
  private let usualInterval: Int64
  private var interval: Int64
  /// The bucket is full at this time; each token taken moves it one interval on.
  private var fullAt: Int64 = .min
  private var complainedAt: Int64?

  private static let slowestFactor: Int64 = 16
  private static let calmAfter: Int64 = 60_000_000_000
  private static let sameComplaint: Int64 = 1_000_000_000

  init(burst: Int, perSecond: Int) {
    precondition(burst > 0 && perSecond > 0)
    self.burst = burst
    usualInterval = 1_000_000_000 / Int64(perSecond)
    interval = usualInterval
  }

  /// When a token will be there; not later than now if there is one.
  var readyAt: Int64 {
    // A token is there when the bucket is at most burst - 1 intervals from full.
    fullAt == .min ? .min : fullAt - interval * Int64(burst - 1)
  }

  /// How many tokens are there.
  func available(now: Int64) -> Int {
    fullAt <= now ? burst : max(0, burst - Int((fullAt - now + interval - 1) / interval))
  }

  /// When so many tokens will be there at once, at most the burst.
  func readyAt(for count: Int) -> Int64 {
    fullAt == .min ? .min : fullAt - interval * Int64(burst - count)
  }

  /// Takes all of them or none.
  mutating func take(_ count: Int, now: Int64) -> Bool {
    guard readyAt(for: count) <= now else { return false }
    fullAt = max(fullAt, now) + interval * Int64(count)
    return true
  }

  mutating func take(now: Int64) -> Bool {
    if let complainedAt, now - complainedAt >= Self.calmAfter {
      self.complainedAt = nil
      interval = usualInterval
    }
    guard readyAt <= now else { return false }
    fullAt = max(fullAt, now) + interval
    return true
  }

  /// Kraken says that requests come too fast: the bucket is empty and fills at half the rate. A request for many
  /// symbols may bring as many complaints, which count once.
  mutating func slowDown(now: Int64) {
    if let complainedAt, now - complainedAt < Self.sameComplaint { return }
    interval = min(interval * 2, usualInterval * Self.slowestFactor)
    fullAt = now + interval * Int64(burst)
    complainedAt = now
  }
}
