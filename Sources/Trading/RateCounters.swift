// Kraken's trading rate counter of each pair, kept in step with it: every action adds to the counter, time takes
// away, and what would lift it over the ceiling is refused there. Source: kraken-protocol 5.9.

struct RateCounters: Sendable {
  /// Kraken's `maxratecount`; the lowest tier until it is known.
  var ceiling: Int? = nil
  private var counters: [String: Counter] = [:]

  /// In billionths, so that decay over nanoseconds is exact.
  struct Counter: Sendable {
    var count: Int64
    var at: Int64
  }

  static let one: Int64 = 1_000_000_000
  var ceilingInUse: Int { ceiling ?? 60 }

  /// Thousandths a second, by the account's tier.
  private var decay: Int64 {
    switch ceilingInUse {
    case 180...: 3750
    case 125...: 2340
    default: 1000
    }
  }

  /// Billionths. An hour takes away more than any ceiling.
  func count(of pair: String, now: Int64) -> Int64 {
    guard let counter = counters[pair.uppercased()] else { return 0 }
    let elapsed = min(max(now - counter.at, 0), 3600 * Self.one)
    return max(counter.count - elapsed * decay / 1000, 0)
  }

  func hasRoom(for cost: Int64, of pair: String, now: Int64) -> Bool {
    count(of: pair, now: now) + cost <= Int64(ceilingInUse) * Self.one
  }

  mutating func add(_ cost: Int64, to pair: String, now: Int64) {
    counters[pair.uppercased()] = Counter(count: count(of: pair, now: now) + cost, at: now)
  }

  /// Kraken says that the counter stands at `count` at least.
  mutating func raise(_ pair: String, to count: Int64, now: Int64) {
    let ours = self.count(of: pair, now: now)
    counters[pair.uppercased()] = Counter(count: max(ours, count * Self.one), at: now)
  }

  /// Counters that are not at zero, in the order of their names.
  func all(now: Int64) -> [(pair: String, count: Int64)] {
    counters.keys.sorted().map { ($0, count(of: $0, now: now)) }.filter { $0.count > 0 }
  }

  /// Drops what has decayed.
  mutating func prune(now: Int64) {
    for pair in counters.keys where count(of: pair, now: now) == 0 { counters[pair] = nil }
  }
}

/// What an action costs; changes and cancellations cost more, the younger the order is.
enum RateCost {
  static let add = RateCounters.one

  static func batchAdd(_ count: Int) -> Int64 { Int64(count) * RateCounters.one / 2 }

  /// - Parameter age: of the order in nanoseconds; nil if it is older than anybody remembers.
  static func amend(age: Int64?) -> Int64 { (1 + extra(age, [(5, 3), (10, 2), (15, 1)])) * RateCounters.one }

  static func edit(age: Int64?) -> Int64 {
    (1 + extra(age, [(5, 6), (10, 5), (15, 4), (45, 2), (90, 1)])) * RateCounters.one
  }

  static func cancel(age: Int64?) -> Int64 {
    extra(age, [(5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1)]) * RateCounters.one
  }

  private static func extra(_ age: Int64?, _ table: [(underSeconds: Int64, cost: Int64)]) -> Int64 {
    guard let age else { return 0 }
    return table.first { age < $0.underSeconds * 1_000_000_000 }?.cost ?? 0
  }
}
