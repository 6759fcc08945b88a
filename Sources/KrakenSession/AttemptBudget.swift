// How many connections may be attempted in a stretch of time, over all sockets and over restarts.
//
// Kraken counts per address and blocks it for ten minutes above about 150 in ten minutes, so the
// count has to outlive the process: a crash loop must not be able to spend it twice. Inside one
// process only the monotonic clock counts and steps of the wall clock change nothing; wall times
// are written down, and times read back that lie in the future count as just now.

import MarketData

public struct AttemptBudget: Sendable, Equatable {
  public let limit: Int
  public let window: Duration
  /// Monotonic times of the attempts inside the window, oldest first.
  private var attempts: [Int64] = []

  public init(limit: Int = 100, window: Duration = .seconds(600)) {
    precondition(limit > 0 && window > .zero)
    self.limit = limit
    self.window = window
  }

  /// Takes one attempt. False, and nothing is taken, when there is none left.
  public mutating func spend(now: Moment) -> Bool {
    let start = now.monotonic - window.nanoseconds
    attempts.removeAll { $0 <= start }
    guard attempts.count < limit else { return false }
    attempts.append(now.monotonic)
    return true
  }

  public func attemptsLeft(now: Moment) -> Int {
    let start = now.monotonic - window.nanoseconds
    return limit - attempts.count { $0 > start }
  }

  /// The monotonic time from which an attempt may be spent: now, or when the oldest leaves the window.
  public func nextFree(now: Moment) -> Int64 {
    guard attemptsLeft(now: now) == 0 else { return now.monotonic }
    return attempts[attempts.count - limit] + window.nanoseconds
  }

  // MARK: On disk

  private static let heading = "kraken-bridge attempts 1"

  /// One wall time in nanoseconds since 1970 a line, under a heading.
  public func encoded(now: Moment) -> [UInt8] {
    let start = now.monotonic - window.nanoseconds
    var text = Self.heading + "\n"
    for attempt in attempts where attempt > start {
      text += "\(now.wall - (now.monotonic - attempt))\n"
    }
    return Array(text.utf8)
  }

  /// Reads what can be read: damaged lines are passed over, too many are cut to the newest.
  public init(
    decoding bytes: some Sequence<UInt8>, limit: Int = 100, window: Duration = .seconds(600), now: Moment
  ) {
    self.init(limit: limit, window: window)
    let text = String(decoding: Array(bytes), as: UTF8.self)
    var ages: [Int64] = []
    for line in text.split(whereSeparator: \.isNewline) {
      guard let wall = Int64(line), wall > 0 else { continue }
      let age = max(0, now.wall &- wall)
      if age < window.nanoseconds { ages.append(age) }
    }
    attempts = ages.sorted(by: >).suffix(limit).map { now.monotonic - $0 }
  }
}
