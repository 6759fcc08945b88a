// Where orders meet the market. The account's orders rest beside the market's own levels: they take from them when they
// cross, and are filled when the market comes to them or trades through them. Every fill is a public trade.

extension Exchange {
  /// Lets something happen in a market by the account's hand, and tells everybody who listens.
  mutating func inMarket<Result>(_ index: Int, _ act: (inout Exchange) -> Result) -> Result {
    let before = MarketView(of: markets[index], for: audiences[index])
    markets[index].beginChange()
    let result = act(&self)
    followTriggers(in: index)
    publishChanges(of: index, since: before)
    return result
  }

  /// After a market has moved by itself: resting orders it has come to, triggers it has reached.
  mutating func workOrders(in index: Int) {
    guard account.hasOpen(in: index), isMatching(index) else { return }
    var prints = Array(markets[index].trades.suffix(markets[index].newTrades))
    for order in account.open(in: index).sorted(by: hasPriority) where order.isWorking {
      fillByPrints(order.number, &prints)
      fillByCrossing(order.number)
    }
    followTriggers(in: index)
  }

  func isMatching(_ index: Int) -> Bool {
    let status = markets[index].instrument.status
    return systemState == .online && (status == .online || status == .limitOnly || status == .reduceOnly)
  }

  private func hasPriority(_ left: Order, _ right: Order) -> Bool {
    guard left.isBuy == right.isBuy, let price = left.limitPrice, let other = right.limitPrice, price != other else {
      return left.number < right.number
    }
    return left.isBuy ? price > other : price < other
  }

  /// A trade of others at the order's price or worse would have come to the order first.
  private mutating func fillByPrints(_ number: Int, _ prints: inout [Trade]) {
    for index in prints.indices {
      while let order = account.orders[number], order.isWorking, let limit = order.limitPrice {
        let print = prints[index]
        let reaches = order.isBuy ? print.price <= limit : print.price >= limit
        guard print.takerIsBuyer != order.isBuy, reaches, print.quantity > 0 else { break }
        let quantity = min(print.quantity, order.visible)
        prints[index].quantity -= quantity
        fillAsMaker(order, quantity, at: limit)
      }
    }
  }

  /// Quotes that have come to the order's price trade with it.
  private mutating func fillByCrossing(_ number: Int) {
    while let order = account.orders[number], order.isWorking, let limit = order.limitPrice,
      let quantity = takeLevel(order, within: limit, atMost: order.visible)?.quantity
    {
      fillAsMaker(order, quantity, at: limit)
    }
  }

  private mutating func fillAsMaker(_ order: Order, _ quantity: Int64, at price: Int64) {
    let trade = markets[order.market].record(
      price: price, quantity: quantity, takerIsBuyer: !order.isBuy, isMarketOrder: false, at: now)
    fill(order.number, quantity, at: price, isMaker: true, tradeID: trade)
  }

  /// Takes from the best opposite level, if its price is good enough. A side's last level stays, so that there is
  /// always a market.
  private mutating func takeLevel(
    _ order: Order, within limit: Int64?, atMost quantity: Int64
  ) -> (price: Int64, quantity: Int64)? {
    let side = markets[order.market].side(!order.isBuy)
    guard side.count > 1, let best = side.best else { return nil }
    let price = abs(best.key)
    if let limit, order.isBuy ? price > limit : price < limit { return nil }
    let taken = min(quantity, best.quantity)
    guard taken > 0 else { return nil }
    markets[order.market].set(isBid: !order.isBuy, price: price, quantity: best.quantity - taken)
    return (price, taken)
  }

  /// Would trade at once.
  func crosses(_ order: Order) -> Bool {
    guard let limit = order.limitPrice, let best = markets[order.market].side(!order.isBuy).best else { return false }
    return order.isBuy ? abs(best.key) <= limit : abs(best.key) >= limit
  }

  /// An order that has just come into the market takes what it can get; what becomes of the rest depends on its kind.
  mutating func take(_ number: Int) {
    guard let order = account.orders[number], order.isWorking else { return }
    if order.timeInForce == .fok, liquidity(for: order) < order.remaining { return end(number, .expired) }
    while let order = account.orders[number], order.isWorking,
      let price = markets[order.market].side(!order.isBuy).best.map({ abs($0.key) }),
      let taken = takeLevel(order, within: order.limitPrice, atMost: order.wanted(at: price, markets[order.market]))
    {
      let trade = markets[order.market].record(
        price: taken.price, quantity: taken.quantity, takerIsBuyer: order.isBuy, isMarketOrder: order.limit == nil,
        at: now)
      fill(number, taken.quantity, at: taken.price, isMaker: false, tradeID: trade)
    }
    guard let order = account.orders[number], order.isWorking else { return }
    if order.limit == nil {
      let isSpent = order.cashQuantity != nil && order.filledQuantity > 0
      end(number, isSpent ? .filled : .canceled, reason: isSpent ? nil : "Insufficient liquidity")
    } else if order.timeInForce == .ioc {
      end(number, .expired)
    }
  }

  private func liquidity(for order: Order) -> Int64 {
    let side = markets[order.market].side(!order.isBuy)
    let levels = side.levels.dropFirst().reversed()
    let within = levels.prefix { level in
      order.limitPrice.map { order.isBuy ? abs(level.key) <= $0 : abs(level.key) >= $0 } ?? true
    }
    return within.reduce(0) { $0.addingReportingOverflow($1.quantity).partialValue }
  }

  // MARK: Triggers

  /// Strikes every trigger that the market has reached. What a struck order does may reach further ones.
  mutating func followTriggers(in index: Int) {
    guard account.hasOpen(in: index), isMatching(index) else { return }
    var hasStruck = true
    while hasStruck {
      hasStruck = false
      for order in account.open(in: index) where order.status != .pendingNew && order.trigger?.isStruck == false {
        guard let price = referencePrice(index, order.trigger!.followsIndex) else { continue }
        account.update(order.number) { $0.follow(price) }
        guard account.orders[order.number]!.isReached(by: price) else { continue }
        hasStruck = true
        strikeTrigger(order.number, at: price)
      }
    }
  }

  private mutating func strikeTrigger(_ number: Int, at price: Int64) {
    account.update(number) {
      $0.trigger?.lastPrice = price
      $0.trigger?.struckAt = now
      $0.changedAt = now
    }
    report(number, .status)
    take(number)
  }

  /// The last trade's price; for an index, the middle of the book.
  func referencePrice(_ index: Int, _ isIndex: Bool) -> Int64? {
    let market = markets[index]
    if isIndex, let bid = market.bids.bestKey, let ask = market.asks.bestKey { return (bid - ask) / 2 }
    return market.trades.last?.price
  }
}

extension Order {
  /// What a taker may see of it at once.
  var visible: Int64 { display == nil ? remaining : min(remaining, displayRemaining) }

  /// How much it would take at a price.
  fileprivate func wanted(at price: Int64, _ market: Market) -> Int64 {
    guard let cashQuantity else { return remaining }
    let pair = market.instrument
    let scale = pair.pricePrecision + pair.quantityPrecision - pair.costPrecision
    let left = Int128(cashQuantity - cost)
    let unit = Int128(powerOfTen[abs(scale)])
    return Int64(clamping: scale >= 0 ? left * unit / Int128(price) : left / unit / Int128(price))
  }

  /// A trailing trigger keeps its distance from the best price there has been.
  fileprivate mutating func follow(_ price: Int64) {
    guard type.isTrailing, var trigger else { return }
    let isBetter = isBuy ? price < trigger.peak : price > trigger.peak
    guard isBetter else { return }
    trigger.peak = price
    let distance = abs(trigger.term.price(from: price) - price)
    trigger.price = isBuy ? price + distance : price - distance
    self.trigger = trigger
  }

  fileprivate func isReached(by price: Int64) -> Bool {
    guard let trigger else { return false }
    // A stop sells when the price falls and buys when it rises; taking profit is the opposite.
    return isBuy != type.takesProfit ? price >= trigger.price : price <= trigger.price
  }
}
