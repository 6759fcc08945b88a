// Where the search for an order over REST stands, and how fast it may go.

import MarketData

struct OrderSearch: Sendable, Equatable {
  /// How the order is asked for. One whose id is not known is looked for by name among the open orders, then among
  /// the closed ones; in this order, so that one that ends meanwhile is not missed.
  enum Step: Sendable { case byID, open, closed }
  var step: Step
  /// Monotonic.
  var notBefore: Int64
  /// Asked for in a query of its own, since one with others failed.
  var isAlone = false
}

/// A REST call on its way, and the orders it is to tell of.
struct RESTQuery: Sendable {
  var id: UInt64
  var step: OrderSearch.Step
  var keys: [OrderKey]
  var deadline: Int64
}

/// One query at a time, with growing pauses after failures: Kraken counts REST calls, and locks out who overdoes it.
struct SearchPace: Sendable {
  private(set) var failures = 0
  private(set) var notBefore: Int64 = .min
  var lastID: UInt64 = 0

  static let pauses = [1, 2, 5, 10, 30]
  static let idsMax = 50
  /// After which a query without an outcome counts as failed.
  static let queryDeadline: Duration = .seconds(60)

  mutating func noteFailure(now: Int64) {
    notBefore = now + Int64(Self.pauses[min(failures, Self.pauses.count - 1)]) * 1_000_000_000
    failures += 1
  }

  mutating func noteSuccess() {
    failures = 0
    notBefore = .min
  }
}

/// An order as REST tells of it: strings where the executions have numbers, and other words for the same things.
struct RESTOrder: Sendable {
  var id: String
  var clientID: String?
  var userref: Int64?
  /// The order that this one was made from.
  var parentID: String?
  var isBuy: Bool?
  var quantity: NumberText?
  var limitPrice: NumberText?
  /// Nanoseconds since 1970 by Kraken's clock.
  var openedAt: Int64?
  var stage: OrderStage
  /// In the words of the executions.
  var fields: [Field] = []
}
