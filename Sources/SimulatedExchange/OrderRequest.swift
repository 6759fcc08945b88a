// What `add_order` asks for, checked as far as a pair's rules allow it: everything that depends on neither the market
// nor the account.

struct OrderRequest {
  var market: Int
  var isBuy: Bool
  var type: OrderType
  var quantity: Int64
  var cashQuantity: Int64?
  var limit: PriceTerm?
  var trigger: PriceTerm?
  var triggerFollowsIndex = false
  var timeInForce = Order.TimeInForce.gtc
  var isPostOnly = false
  var feesInBase = false
  var display: Int64?
  var effectiveAt: Int64?
  var expiresAt: Int64?
  var reference: Int?
  var clientID: String?
  var senderID: String?
  var closing: JSONValue?

  /// Fields of a single order, in a batch too.
  static let fields: Set<String> = [
    "side", "order_type", "order_qty", "limit_price", "limit_price_type", "triggers", "time_in_force", "margin",
    "post_only", "reduce_only", "effective_time", "expire_time", "cl_ord_id", "order_userref", "conditional",
    "display_qty", "fee_preference", "stp_type", "cash_order_qty", "sender_sub_id", "no_mpp", "stop_price", "trigger",
  ]

  private enum Side: String { case buy, sell }
  private enum Reference: String { case last, index }
  private enum Fees: String { case base, quote }
  private enum SelfTrade: String {
    case newest = "cancel_newest"
    case oldest = "cancel_oldest"
    case both = "cancel_both"
  }

  init(_ parameters: OrderParameters, market: Int, pair: Instrument, now: Int64) throws(Refusal) {
    self.market = market
    guard let side = try parameters.choice("side", Side.self) else { throw .invalid("side") }
    isBuy = side == .buy
    guard let type = try parameters.choice("order_type", OrderType.self) else { throw .invalid("order_type") }
    self.type = type
    guard type != .settlePosition else { throw Refusal("EOrder:Unknown position") }
    quantity = 0
    try readQuantities(parameters, pair)
    try readPrices(parameters, pair)
    try readTimes(parameters, now: now)
    try readIdentity(parameters)
    isPostOnly = try parameters.bool("post_only")
    if isPostOnly, !type.hasLimit || timeInForce == .ioc || timeInForce == .fok { throw .invalid("post_only") }
    feesInBase = try parameters.choice("fee_preference", Fees.self) == .base
    _ = try parameters.choice("stp_type", SelfTrade.self)
    _ = try parameters.bool("no_mpp")
    if try parameters.bool("margin") {
      guard pair.isMarginable else { throw .invalid("margin") }
      // The account has no margin agreement.
      throw Refusal("EOrder:Cannot open position")
    }
    if try parameters.bool("reduce_only") { throw Refusal("EOrder:Reduce only:No position exists") }
  }

  private mutating func readQuantities(_ parameters: OrderParameters, _ pair: Instrument) throws(Refusal) {
    if let cash = try parameters.quantity("cash_order_qty", decimals: pair.costPrecision) {
      guard type == .market, isBuy, !parameters.has("order_qty") else { throw .invalid("cash_order_qty") }
      cashQuantity = cash
      return
    }
    guard let amount = try parameters.quantity("order_qty", decimals: pair.quantityPrecision) else {
      throw .invalid("order_qty")
    }
    quantity = amount
    try Self.checkMinimum(amount, pair)
    display = try parameters.quantity("display_qty", decimals: pair.quantityPrecision)
    if type == .iceberg, display == nil { throw .invalid("display_qty") }
    if let display { try Self.checkDisplay(display, of: amount, type) }
  }

  static func checkMinimum(_ quantity: Int64, _ pair: Instrument) throws(Refusal) {
    guard quantity >= pair.minimumQuantity else { throw Refusal("EOrder:Order minimum not met") }
  }

  /// At least a fifteenth must be seen.
  static func checkDisplay(_ display: Int64, of quantity: Int64, _ type: OrderType) throws(Refusal) {
    guard type == .iceberg || type == .limit, display <= quantity, display >= quantity / 15 else {
      throw .invalid("display_qty")
    }
  }

  private mutating func readPrices(_ parameters: OrderParameters, _ pair: Instrument) throws(Refusal) {
    if type.hasLimit {
      let form = try parameters.choice("limit_price_type", PriceTerm.Form.self)
      if form != nil, form != .fixed, type != .trailingStopLimit { throw .invalid("limit_price_type") }
      limit = try parameters.price("limit_price", form ?? (type == .trailingStopLimit ? .quote : .fixed), pair)
      guard let limit else { throw .invalid("limit_price") }
      if limit.form == .fixed { try Self.checkCost(price: limit.value, quantity: quantity, pair) }
    } else if parameters.has("limit_price") {
      throw .invalid("limit_price")
    }
    guard type.hasTrigger else {
      if parameters.has("triggers") { throw .invalid("triggers") }
      return
    }
    guard let field = parameters.value["triggers"] else { throw .invalid("triggers") }
    let triggers = try OrderParameters(field)
    try triggers.allow(["price", "price_type", "reference"])
    let form = try triggers.choice("price_type", PriceTerm.Form.self) ?? .fixed
    guard let term = try triggers.price("price", form, pair) else { throw .invalid("triggers.price") }
    // A trailing stop keeps a distance; a fixed price is none.
    if type.isTrailing, form == .fixed || term.value <= 0 { throw .invalid("triggers.price_type") }
    trigger = term
    triggerFollowsIndex = try triggers.choice("reference", Reference.self) == .index
  }

  static func checkCost(price: Int64, quantity: Int64, _ pair: Instrument) throws(Refusal) {
    guard pair.cost(price: price, quantity: quantity) >= pair.minimumCost else {
      throw Refusal("EOrder:Cost minimum not met")
    }
  }

  private mutating func readTimes(_ parameters: OrderParameters, now: Int64) throws(Refusal) {
    timeInForce = try parameters.choice("time_in_force", Order.TimeInForce.self) ?? .gtc
    if timeInForce != .gtc, !type.hasLimit { throw .invalid("time_in_force") }
    effectiveAt = try parameters.time("effective_time")
    if let effectiveAt, effectiveAt <= now { throw .invalid("effective_time") }
    expiresAt = try parameters.time("expire_time")
    guard (expiresAt != nil) == (timeInForce == .gtd) else { throw .invalid("expire_time") }
    if let expiresAt {
      let month: Int64 = 31 * 86_400 * 1_000_000_000
      guard expiresAt > max(now, effectiveAt ?? 0), expiresAt - now <= month else { throw .invalid("expire_time") }
    }
  }

  private mutating func readIdentity(_ parameters: OrderParameters) throws(Refusal) {
    reference = try parameters.integer("order_userref")
    if let reference, Int32(exactly: reference) == nil { throw .invalid("order_userref") }
    clientID = try parameters.clientID()
    guard clientID == nil || reference == nil else { throw .invalid("cl_ord_id") }
    senderID = try parameters.string("sender_sub_id")
    guard let conditional = parameters.value["conditional"] else { return }
    guard clientID == nil else { throw .invalid("conditional") }
    let fields = try OrderParameters(conditional)
    try fields.allow(["order_type", "limit_price", "limit_price_type", "trigger_price", "trigger_price_type"])
    guard let type = try fields.choice("order_type", OrderType.self), type != .market, type != .settlePosition else {
      throw .invalid("conditional.order_type")
    }
    guard type.hasTrigger == fields.has("trigger_price"), type.hasLimit == fields.has("limit_price") else {
      throw .invalid("conditional")
    }
    closing = conditional
  }
}

extension Instrument {
  /// In cost units; `instrument` announces the same.
  var minimumCost: Int64 {
    quote == "BTC" ? 2 * powerOfTen[max(costPrecision - 5, 0)] : 5 * powerOfTen[costPrecision - 1]
  }
}
