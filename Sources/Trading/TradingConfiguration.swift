// What the owner of the account lets programs do with it: `trading:` of the configuration file.
//
// Everything here is off or unlimited until it is set, but trading itself is off until it is turned on.

import MarketData

public struct TradingConfiguration: Sendable, Equatable {
  public var isEnabled = false
  /// Pairs that may be traded; empty: all. Case does not matter.
  public var symbols: Set<String> = []
  /// Largest quantity of one order, in base units.
  public var orderQtyMax: NumberText?
  /// Largest quantity times price of one order, in quote units.
  public var notionalMax: NumberText?
  /// New orders in any 60 seconds, over all connections.
  public var ordersPerMinute: Int?
  /// Nothing but limit orders that say `post_only`.
  public var postOnly = false
  /// Kraken checks orders and places none.
  public var validateOnly = false
  /// Refuse what would exceed Kraken's rate counter of the pair, instead of letting Kraken refuse it.
  public var refusesOverRate = false
  /// Seconds after which Kraken cancels all orders unless the bridge renews them; it does while a connection that
  /// has placed orders lives.
  public var cancelAfter: Int?
  /// How long Kraken may take to answer before the outcome counts as unknown.
  public var answerDeadline: Duration = .seconds(10)

  public init() {}
}

/// One connection with trade scope.
public struct HolderID: Hashable, Comparable, Sendable {
  public var value: UInt64

  public init(_ value: UInt64) { self.value = value }

  public static func < (a: HolderID, b: HolderID) -> Bool { a.value < b.value }
}
