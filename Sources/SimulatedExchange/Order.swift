// One order of the account, from its first check to its end. Prices, quantities and costs are integers in the pair's
// own precisions, as everywhere in the model.

enum OrderType: String, Sendable {
  case limit, market, iceberg
  case stopLoss = "stop-loss"
  case stopLossLimit = "stop-loss-limit"
  case takeProfit = "take-profit"
  case takeProfitLimit = "take-profit-limit"
  case trailingStop = "trailing-stop"
  case trailingStopLimit = "trailing-stop-limit"
  case settlePosition = "settle-position"

  var hasLimit: Bool { [.limit, .iceberg, .stopLossLimit, .takeProfitLimit, .trailingStopLimit].contains(self) }
  var hasTrigger: Bool { ![.limit, .market, .iceberg, .settlePosition].contains(self) }
  var isTrailing: Bool { self == .trailingStop || self == .trailingStopLimit }
  var takesProfit: Bool { self == .takeProfit || self == .takeProfitLimit }
}

/// A price as a client may write it: itself, or a distance from a price known only later.
struct PriceTerm: Sendable, Equatable {
  enum Form: String, Sendable {
    case fixed = "static"
    case percent = "pct"
    case quote
  }

  var form = Form.fixed
  /// In price units, or in ten-thousandths of a percent.
  var value: Int64

  static let percentDecimals = 4

  func price(from base: Int64) -> Int64 {
    switch form {
    case .fixed: value
    case .quote: base + value
    case .percent: base + Int64(clamping: Decimals.divide(Int128(base) * Int128(value), 100 * 10_000))
    }
  }
}

struct Trigger: Sendable {
  var followsIndex = false
  var term: PriceTerm
  /// Where it strikes; a trailing one moves.
  var price: Int64
  /// The best price since it was set, for a trailing one.
  var peak: Int64
  /// The reference price that struck it.
  var lastPrice: Int64?
  var struckAt: Int64?

  var isStruck: Bool { struckAt != nil }
}

struct Order: Sendable {
  enum Status: String, Sendable {
    case pendingNew = "pending_new"
    case new
    case partiallyFilled = "partially_filled"
    case filled, canceled, expired
  }

  enum TimeInForce: String, Sendable { case gtc, gtd, ioc, fok }

  /// Counts orders, from 1: the order of arrival.
  let number: Int
  let id: String
  let market: Int
  let isBuy: Bool
  let type: OrderType
  var quantity: Int64
  /// An amount of quote currency to spend instead, in cost units.
  var cashQuantity: Int64?
  var limit: PriceTerm?
  var trigger: Trigger?
  var timeInForce = TimeInForce.gtc
  var isPostOnly = false
  var feesInBase = false
  var display: Int64?
  var displayRemaining: Int64 = 0
  var effectiveAt: Int64?
  var expiresAt: Int64?
  var reference: Int?
  var clientID: String?
  var senderID: String?
  /// The order to place once this one is filled, as the client wrote it.
  var closing: JSONValue?
  var parentID: String?

  var status = Status.pendingNew
  var filledQuantity: Int64 = 0
  var cost: Int64 = 0
  /// In cost units of the quote currency, whichever currency it was paid in.
  var fee: Int64 = 0
  var isAmended = false
  var reason: String?
  var createdAt: Int64
  var changedAt: Int64
  var tradeIDs: [String] = []

  var isOpen: Bool { status == .pendingNew || status == .new || status == .partiallyFilled }
  /// In the market: neither scheduled nor waiting for its trigger.
  var isWorking: Bool { (status == .new || status == .partiallyFilled) && trigger?.isStruck ?? true }
  var remaining: Int64 { quantity - filledQuantity }
  /// Unless it takes whatever price there is.
  var limitPrice: Int64? {
    limit.map { $0.price(from: trigger?.lastPrice ?? trigger?.price ?? 0) }
  }
}
