// Kraken's limits on trading: a counter per pair that every action raises and time lowers, and a number of open
// orders, both by the account's tier.

public enum AccountTier: String, Sendable, CaseIterable {
  case starter, intermediate, pro
  /// No limits at all; what Kraken itself never grants.
  case unlimited

  /// What the executions channel announces as `maxratecount`.
  var ceiling: Int {
    switch self {
    case .starter: 60
    case .intermediate: 125
    case .pro, .unlimited: 180
    }
  }

  var decayPerSecond: Double {
    switch self {
    case .starter: 1
    case .intermediate: 2.34
    case .pro, .unlimited: 3.75
    }
  }

  var openOrdersMax: Int {
    switch self {
    case .starter: 60
    case .intermediate: 80
    case .pro: 225
    case .unlimited: .max
    }
  }
}

struct RateCounter: Sendable {
  private var count = 0.0
  private var countedAt: Int64 = 0

  func value(at now: Int64, _ tier: AccountTier) -> Double {
    max(0, count - Double(now - countedAt) / 1e9 * tier.decayPerSecond)
  }

  func allows(_ cost: Double, at now: Int64, _ tier: AccountTier) -> Bool {
    tier == .unlimited || value(at: now, tier) + cost <= Double(tier.ceiling)
  }

  mutating func raise(_ cost: Double, at now: Int64, _ tier: AccountTier) {
    count = value(at: now, tier) + cost
    countedAt = now
  }

  // What touching an order costs beyond the fixed price, by the order's age: the young ones are dear.

  static func amendCost(age: Int64) -> Double { 1 + surcharge(age, [(5, 3), (10, 2), (15, 1)]) }
  static func editCost(age: Int64) -> Double { 1 + surcharge(age, [(5, 6), (10, 5), (15, 4), (45, 2), (90, 1)]) }
  static func cancelCost(age: Int64) -> Double {
    surcharge(age, [(5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1)])
  }

  private static func surcharge(_ age: Int64, _ steps: [(seconds: Int64, cost: Double)]) -> Double {
    steps.first { age < $0.seconds * 1_000_000_000 }?.cost ?? 0
  }
}
