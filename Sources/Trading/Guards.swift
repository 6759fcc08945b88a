// The limits that the owner of the account has set. They are judged before anything is sent, on the very digits that
// would be sent, and what cannot be judged is refused.

import BridgeWire
import MarketData

extension TradingConfiguration {
  /// What a pair trades at now, or nil: `(symbol, isBuy)`.
  typealias PriceSource = (String, Bool) -> NumberText?

  func check(_ draft: OrderDraft, price: PriceSource) throws(RequestFault) {
    try checkSymbol(draft.symbol)
    if postOnly, draft.orderType != "limit" || !draft.isPostOnly {
      throw RequestFault(
        .notPermitted, "post-only: nothing but limit orders with post_only true is permitted", symbol: draft.symbol)
    }
    try checkSize(
      symbol: draft.symbol, isBuy: draft.isBuy, quantity: draft.quantity, cash: draft.cashQuantity,
      limit: draft.limitPrice ?? (draft.orderType.hasSuffix("-limit") ? nil : draft.triggerPrice), price: price)
  }

  /// A change of an order's quantity or price; what the request leaves out is as it was.
  ///
  /// - Parameter facts: of the order before the change; nil if the bridge does not know it.
  func check(
    _ method: String, _ change: OrderChange, _ facts: OrderFacts?, price: PriceSource
  ) throws(RequestFault) {
    // The pair that the client names decides nothing at Kraken, so it decides nothing here.
    let symbol = facts?.symbol
    if !symbols.isEmpty {
      guard let symbol else { throw unknownOrder(method, "which pair it is of") }
      try checkSymbol(symbol)
    }
    if postOnly, change.touchesPrice || method == "edit_order", !change.isPostOnly {
      throw RequestFault(.notPermitted, "post-only: \(method) needs post_only true", symbol: symbol)
    }
    guard change.touchesSize, orderQtyMax != nil || notionalMax != nil else { return }
    guard let symbol, let isBuy = facts?.isBuy, let quantity = change.quantity ?? facts?.quantity else {
      throw unknownOrder(method, "how large it is")
    }
    let limit = change.touchesPrice ? change.limitPrice : facts?.limitPrice
    try checkSize(symbol: symbol, isBuy: isBuy, quantity: quantity, cash: nil, limit: limit, price: price)
  }

  private func unknownOrder(_ method: String, _ what: String) -> RequestFault {
    RequestFault(.notPermitted, "\(method): the bridge does not know the order, so it cannot tell \(what)")
  }

  private func checkSymbol(_ symbol: String) throws(RequestFault) {
    guard symbols.isEmpty || symbols.contains(where: { $0.uppercased() == symbol.uppercased() }) else {
      let list = symbols.sorted().joined(separator: ", ")
      throw RequestFault(.notPermitted, "\(symbol) may not be traded here; permitted: \(list)", symbol: symbol)
    }
  }

  /// - Parameter limit: the order's own price, if it has one that is a price.
  private func checkSize(
    symbol: String, isBuy: Bool, quantity: NumberText?, cash: NumberText?, limit: NumberText?, price: PriceSource
  ) throws(RequestFault) {
    let market = price(symbol, isBuy)
    func exceeds(_ name: String, _ max: NumberText) -> RequestFault {
      RequestFault(.limitExceeded, "the order exceeds \(name) (\(max))", symbol: symbol)
    }
    func needsPrice(_ name: String) -> RequestFault {
      RequestFault(
        .limitExceeded,
        "\(name) is set and no price of \(symbol) is known to judge the order by; have the bridge carry its ticker",
        symbol: symbol)
    }
    if let max = orderQtyMax {
      if let quantity, quantity.compare(max) > 0 { throw exceeds("max-order-qty", max) }
      if let cash {
        guard let market else { throw needsPrice("max-order-qty") }
        if ExactDecimal(cash) > ExactDecimal(max) * ExactDecimal(market) { throw exceeds("max-order-qty", max) }
      }
    }
    guard let max = notionalMax else { return }
    if let cash, cash.compare(max) > 0 { throw exceeds("max-notional", max) }
    guard let quantity else { return }
    // A sale is filled at its limit or better, so a low limit says nothing about its value.
    var worst = limit ?? market
    if !isBuy, let market, let limit, market.compare(limit) > 0 { worst = market }
    guard let worst else { throw needsPrice("max-notional") }
    if ExactDecimal(quantity) * ExactDecimal(worst) > ExactDecimal(max) { throw exceeds("max-notional", max) }
  }
}

/// What an amend or edit would change.
struct OrderChange: Sendable {
  var quantity: NumberText?
  /// Nil although the price is touched if it is not given as a price.
  var limitPrice: NumberText?
  var touchesPrice = false
  var isPostOnly = false

  var touchesSize: Bool { quantity != nil || touchesPrice }

  init(_ parameters: RequestParameters) throws(RequestFault) {
    quantity = try parameters.number("order_qty")
    isPostOnly = try parameters.bool("post_only")
    let limit = try parameters.number("limit_price")
    let isPrice = try parameters.string("limit_price_type") ?? "static" == "static"
    limitPrice = isPrice ? limit : nil
    touchesPrice = ["limit_price", "limit_price_type", "trigger_price", "trigger_price_type", "triggers"]
      .contains { parameters.has($0) }
  }
}

/// How many orders were placed in the last minute.
struct OrderPace: Sendable {
  private var times = Schedule<Void>()
  private var count = 0

  mutating func hasRoom(for more: Int, max: Int, now: Int64) -> Bool {
    while times.take(now: now) != nil { count -= 1 }
    return count + more <= max
  }

  mutating func add(_ more: Int, now: Int64) {
    for _ in 0..<more { times.add((), at: now + 60_000_000_000) }
    count += more
  }
}
