// How an order comes in: the checks that depend on the exchange's state and on the account, then its first reports.

extension Exchange {
  /// Refuses what the exchange or the pair does not take at present.
  func checkState(_ request: OrderRequest) throws(Refusal) {
    let status = markets[request.market].instrument.status
    if systemState == .maintenance || status == .maintenance || status == .delisted || status == .workInProgress {
      throw Refusal("EService:Unavailable")
    }
    if systemState == .cancelOnly || status == .cancelOnly { throw Refusal("EService:Market in cancel_only mode") }
    if systemState == .postOnly || status == .postOnly, !request.isPostOnly {
      throw Refusal("EService:Market in post_only mode")
    }
    if status == .limitOnly, !request.type.hasLimit { throw Refusal("EService:Market in limit_only mode") }
    if status == .reduceOnly { throw Refusal("EOrder:Reduce only:No position exists") }
  }

  /// Refuses what the account may not place: too many orders, a client's id that is taken, not enough money.
  func checkAccount(_ request: OrderRequest) throws(Refusal) {
    if let clientID = request.clientID, account.open(clientID: clientID) != nil { throw .invalid("cl_ord_id") }
    guard account.open(in: request.market).count < configuration.accountTier.openOrdersMax else {
      throw Refusal("EOrder:Orders limit exceeded")
    }
    try checkCashMinimum(request)
    let order = draft(request)
    let need = need(of: order)
    guard need.amount <= available(need.asset) else { throw Refusal("EOrder:Insufficient funds") }
  }

  private func checkCashMinimum(_ request: OrderRequest) throws(Refusal) {
    guard let cash = request.cashQuantity else { return }
    guard cash >= markets[request.market].instrument.minimumCost else { throw Refusal("EOrder:Cost minimum not met") }
  }

  // MARK: Funds

  /// What is not bound by open orders, in the asset's own units.
  func available(_ asset: String, besides number: Int? = nil) -> Int64 {
    account.openUnordered.reduce(account.balance(asset)) { left, order in
      guard order.number != number else { return left }
      let need = need(of: order)
      return need.asset == asset ? left - need.amount : left
    }
  }

  /// What an order may still cost, its fee included.
  func need(of order: Order) -> (asset: String, amount: Int64) {
    let pair = markets[order.market].instrument
    func withFee(_ amount: Int128, isFeeDue: Bool) -> Int128 {
      isFeeDue ? amount + Decimals.divide(amount * Int128(Self.takerFee), 10_000) : amount
    }
    if !order.isBuy {
      let amount = withFee(Int128(order.remaining), isFeeDue: order.feesInBase)
      return (pair.base, Decimals.rescale(amount, from: pair.quantityPrecision, to: precision(of: pair.base)))
    }
    let cost = order.cashQuantity.map { $0 - order.cost } ?? expectedCost(order, pair)
    let amount = withFee(Int128(cost), isFeeDue: !order.feesInBase)
    return (pair.quote, Decimals.rescale(amount, from: pair.costPrecision, to: precision(of: pair.quote)))
  }

  /// The limit's cost; without a limit, the trigger's, or what the book asks at present.
  private func expectedCost(_ order: Order, _ pair: Instrument) -> Int64 {
    if let price = order.limitPrice ?? (order.trigger?.isStruck == false ? order.trigger?.price : nil) {
      return pair.cost(price: price, quantity: order.remaining)
    }
    var left = order.remaining
    var cost: Int64 = 0
    for level in markets[order.market].asks.levels.reversed() where left > 0 {
      let taken = min(left, level.quantity)
      cost += pair.cost(price: -level.key, quantity: taken)
      left -= taken
    }
    return cost
  }

  // MARK: Making orders

  func draft(_ request: OrderRequest) -> Order {
    var order = Order(
      number: account.orderCount + 1, id: "", market: request.market, isBuy: request.isBuy, type: request.type,
      quantity: request.quantity, createdAt: now, changedAt: now)
    fillIn(&order, request)
    return order
  }

  mutating func newOrder(market: Int, isBuy: Bool, type: OrderType, quantity: Int64) -> Order {
    let number = account.takeNumber()
    return Order(
      number: number, id: identifier("O"), market: market, isBuy: isBuy, type: type, quantity: quantity,
      createdAt: now, changedAt: now)
  }

  private func fillIn(_ order: inout Order, _ request: OrderRequest) {
    order.cashQuantity = request.cashQuantity
    order.limit = request.limit
    order.timeInForce = request.timeInForce
    order.isPostOnly = request.isPostOnly
    order.feesInBase = request.feesInBase
    order.display = request.display
    order.displayRemaining = request.display ?? 0
    order.effectiveAt = request.effectiveAt
    order.expiresAt = request.expiresAt
    order.reference = request.reference
    order.clientID = request.clientID
    order.senderID = request.senderID
    order.closing = request.closing
    order.trigger = request.trigger.flatMap { term in
      referencePrice(order.market, request.triggerFollowsIndex).map { start in
        newTrigger(
          term, order.type, isBuy: order.isBuy, followsIndex: request.triggerFollowsIndex, start: start)
      }
    }
  }

  func newTrigger(_ term: PriceTerm, _ type: OrderType, isBuy: Bool, followsIndex: Bool, start: Int64) -> Trigger {
    let distance = abs(term.price(from: start) - start)
    let price = type.isTrailing ? (isBuy ? start + distance : start - distance) : term.price(from: start)
    return Trigger(followsIndex: followsIndex, term: term, price: price, peak: start)
  }

  /// A checked request becomes an order with its first report. It does nothing yet.
  mutating func admit(_ request: OrderRequest, parentID: String? = nil) -> Order {
    var order = newOrder(
      market: request.market, isBuy: request.isBuy, type: request.type, quantity: request.quantity)
    fillIn(&order, request)
    order.parentID = parentID
    account.add(order)
    report(order.number, .pendingNew)
    return order
  }

  /// For orders that another order triggers.
  mutating func admit(_ order: Order) {
    account.add(order)
    report(order.number, .pendingNew)
    activate(order.number)
  }

  /// The order goes live now, or when its time comes.
  mutating func activate(_ number: Int) {
    guard let order = account.orders[number], order.status == .pendingNew else { return }
    if let expiresAt = order.expiresAt { events.plan(.orderExpiry(number), at: expiresAt) }
    if let effectiveAt = order.effectiveAt, effectiveAt > now {
      events.plan(.orderDue(number), at: effectiveAt)
    } else {
      goLive(number)
    }
  }

  mutating func goLive(_ number: Int) {
    guard let order = account.orders[number], order.status == .pendingNew else { return }
    // Where nothing is matched, nothing can cross either.
    if order.isPostOnly, order.trigger == nil, crosses(order), isMatching(order.market) {
      return end(number, .canceled, reason: "Post only order")
    }
    account.update(number) {
      $0.status = .new
      $0.changedAt = now
    }
    report(number, .new)
    if order.trigger == nil, isMatching(order.market) { take(number) }
  }

  /// An order's own time has come.
  mutating func orderDue(_ number: Int) {
    guard let order = account.orders[number] else { return }
    inMarket(order.market) { $0.goLive(number) }
    sendReports()
  }

  mutating func orderExpires(_ number: Int) {
    guard let order = account.orders[number] else { return }
    inMarket(order.market) { $0.end(number, .expired) }
    sendReports()
  }
}
