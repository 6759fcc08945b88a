// What becomes of an order: filled in part or whole, cancelled, expired. Balances, ledger and reports follow here and
// nowhere else.

extension Exchange {
  /// Hundredths of a percent of the cost.
  static let makerFee: Int64 = 25
  static let takerFee: Int64 = 40

  mutating func fill(_ number: Int, _ quantity: Int64, at price: Int64, isMaker: Bool, tradeID: Int64) {
    guard let order = account.orders[number] else { return }
    let pair = markets[order.market].instrument
    let cost = pair.cost(price: price, quantity: quantity)
    let rate = Int128(isMaker ? Self.makerFee : Self.takerFee)
    let quoteFee = Int64(clamping: Decimals.divide(Int128(cost) * rate, 10_000))
    let baseFee = Int64(clamping: Decimals.divide(Int128(quantity) * rate, 10_000))
    let fill = Account.Fill(
      orderNumber: number, executionID: identifier("T"), tradeID: tradeID, quantity: quantity, price: price, cost: cost,
      fee: order.feesInBase ? baseFee : quoteFee, isMaker: isMaker, time: now)
    account.record(fill)
    account.update(number) {
      $0.status = .partiallyFilled
      $0.filledQuantity += quantity
      $0.cost += cost
      $0.fee += quoteFee
      $0.changedAt = now
      $0.tradeIDs.append(fill.executionID)
      if isMaker, $0.display != nil { $0.displayRemaining -= quantity }
    }
    report(number, .trade, fill: fill)
    settle(order, fill, pair)
    finishOrRefill(number)
  }

  /// Two ledger lines with one reference: what was bought and what was given for it.
  private mutating func settle(_ order: Order, _ fill: Account.Fill, _ pair: Instrument) {
    let sign: Int64 = order.isBuy ? 1 : -1
    func base(_ amount: Int64) -> Int64 {
      Decimals.rescale(Int128(amount), from: pair.quantityPrecision, to: precision(of: pair.base))
    }
    func quote(_ amount: Int64) -> Int64 {
      Decimals.rescale(Int128(amount), from: pair.costPrecision, to: precision(of: pair.quote))
    }
    let reference = fill.executionID
    enter(
      pair.base, sign * base(fill.quantity), fee: order.feesInBase ? base(fill.fee) : 0, type: "trade",
      reference: reference)
    enter(
      pair.quote, -sign * quote(fill.cost), fee: order.feesInBase ? 0 : quote(fill.fee), type: "trade",
      reference: reference)
  }

  private mutating func finishOrRefill(_ number: Int) {
    guard let order = account.orders[number] else { return }
    if order.cashQuantity == nil, order.remaining == 0 {
      end(number, .filled)
      openClosingOrder(order)
    } else if let display = order.display, order.displayRemaining == 0 {
      account.update(number) { $0.displayRemaining = min(display, $0.remaining) }
      report(number, .icebergRefill)
    }
  }

  mutating func end(_ number: Int, _ status: Order.Status, reason: String? = nil) {
    guard let order = account.orders[number], order.isOpen else { return }
    account.update(number) {
      $0.status = status
      $0.reason = reason
      $0.changedAt = now
      if status == .filled, $0.cashQuantity != nil { $0.quantity = $0.filledQuantity }
    }
    report(number, status == .filled ? .filled : status == .expired ? .expired : .canceled)
  }

  /// One order triggers the other: the order that closes what a filled one has opened.
  private mutating func openClosingOrder(_ order: Order) {
    guard let template = order.closing, let fields = try? OrderParameters(template) else { return }
    let pair = markets[order.market].instrument
    let price = pair.averagePrice(cost: order.cost, quantity: order.filledQuantity)
    guard let type = try? fields.choice("order_type", OrderType.self),
      let trigger = try? closingTerm("trigger_price", fields, pair, from: price) as PriceTerm??,
      let limit = try? closingTerm("limit_price", fields, pair, from: price) as PriceTerm??
    else { return }
    var closing = newOrder(market: order.market, isBuy: !order.isBuy, type: type, quantity: order.filledQuantity)
    closing.parentID = order.id
    closing.reference = order.reference
    closing.limit = limit
    closing.trigger = trigger.map { term in
      let start = referencePrice(order.market, false) ?? price
      return newTrigger(term, type, isBuy: closing.isBuy, followsIndex: false, start: start)
    }
    admit(closing)
  }

  /// Relative terms of a closing order count from the price of the order it closes.
  private func closingTerm(
    _ key: String, _ fields: OrderParameters, _ pair: Instrument, from price: Int64
  ) throws(Refusal) -> PriceTerm? {
    let form = try fields.choice(key + "_type", PriceTerm.Form.self) ?? .fixed
    let type = try fields.choice("order_type", OrderType.self)
    let term = try fields.price(key, form, pair)
    // A trailing stop keeps its distance from a price that is not known yet.
    guard type?.isTrailing != true else { return term }
    return term.map { PriceTerm(value: $0.price(from: price)) }
  }
}
