// Orders and balances as the REST API tells them: its own names, numbers as strings, times in seconds.

extension Exchange {
  var balanceList: Text {
    var text = Text()
    for (asset, balance) in account.balances.sorted(by: { $0.key < $1.key }) {
      text.add(text.isEmpty ? "{" : ",")
      text.add(quoted: Self.restCode(asset))
      text.add(":\"")
      text.add(scaled: balance, decimals: precision(of: asset))
      text.add("\"")
    }
    text.add(text.isEmpty ? "{}" : "}")
    return text
  }

  /// With what open orders bind of each.
  var extendedBalanceList: Text {
    var text = Text()
    for (asset, balance) in account.balances.sorted(by: { $0.key < $1.key }) {
      var object = ObjectText()
      object.quoted("balance", balance, precision(of: asset))
      object.quoted("hold_trade", balance - available(asset), precision(of: asset))
      text.add(text.isEmpty ? "{" : ",")
      text.add(quoted: Self.restCode(asset))
      text.add(":")
      text += object.finished
    }
    text.add(text.isEmpty ? "{}" : "}")
    return text
  }

  private func matches(_ order: Order, _ parameters: [String: String]) -> Bool {
    if let clientID = parameters["cl_ord_id"], order.clientID != clientID { return false }
    if let reference = parameters["userref"], order.reference != Int(reference) { return false }
    return true
  }

  func openOrders(_ parameters: [String: String]) -> Text {
    let orders = account.open.reversed().filter { matches($0, parameters) }
    var object = ObjectText()
    object.json("open", list(orders, parameters))
    return object.finished
  }

  /// Whether a moment is after `start` and not after `end`, both in seconds.
  private static func covers(_ parameters: [String: String], _ time: Int64) -> Bool {
    func bound(_ key: String) -> Int64? { parameters[key].flatMap { Decimals.scaled($0, decimals: 9)?.value } }
    return bound("start").map { time > $0 } ?? true && bound("end").map { time <= $0 } ?? true
  }

  private static func page<Item>(_ items: [Item], _ parameters: [String: String]) -> [Item] {
    Array(items.dropFirst(max(0, parameters["ofs"].flatMap { Int($0) } ?? 0)).prefix(50))
  }

  /// Fifty at a time, from `ofs`, those between `start` and `end` in seconds.
  func closedOrders(_ parameters: [String: String]) -> Text {
    let orders = account.closed.filter { matches($0, parameters) && Self.covers(parameters, $0.changedAt) }
    var object = ObjectText()
    object.json("closed", list(Self.page(orders, parameters), parameters))
    object.integer("count", orders.count)
    return object.finished
  }

  /// Up to fifty orders by id, separated by commas. Unknown ones are left out.
  func queryOrders(_ parameters: [String: String]) -> RESTAnswer {
    let ids = (parameters["txid"] ?? "").split(separator: ",").map(String.init)
    var orders = ids.compactMap { account[id: $0] }
    if ids.isEmpty, parameters["cl_ord_id"] != nil { orders = account.open + account.closed }
    guard !ids.isEmpty || parameters["cl_ord_id"] != nil, ids.count <= 50 else {
      return failure("EGeneral:Invalid arguments:txid")
    }
    return success(list(orders.filter { matches($0, parameters) }, parameters))
  }

  private func list(_ orders: [Order], _ parameters: [String: String]) -> Text {
    var text = Text()
    for order in orders {
      text.add(text.isEmpty ? "{" : ",")
      text.add(quoted: order.id)
      text.add(":")
      text += describe(order, withTrades: parameters["trades"]?.lowercased() == "true")
    }
    text.add(text.isEmpty ? "{}" : "}")
    return text
  }

  private func describe(_ order: Order, withTrades: Bool) -> Text {
    let pair = markets[order.market].instrument
    var object = ObjectText()
    object.json("refid", order.parentID.map { JSONValue.string($0).text } ?? JSONValue.null.text)
    object.json("userref", order.reference.map { Text("\($0)".utf8) } ?? JSONValue.null.text)
    object.string("cl_ord_id", order.clientID)
    object.string("status", restStatus(order))
    object.number("opentm", order.createdAt, 9)
    object.number("starttm", order.effectiveAt ?? 0, 9)
    object.number("expiretm", order.expiresAt ?? 0, 9)
    object.json("descr", describeTerms(order, pair))
    object.quoted("vol", order.quantity, pair.quantityPrecision)
    object.quoted("vol_exec", order.filledQuantity, pair.quantityPrecision)
    object.quoted("cost", order.cost, pair.costPrecision)
    object.quoted("fee", order.fee, pair.costPrecision)
    object.quoted(
      "price", pair.averagePrice(cost: order.cost, quantity: order.filledQuantity), pair.pricePrecision)
    object.quoted("stopprice", order.trigger?.price ?? 0, pair.pricePrecision)
    object.quoted("limitprice", order.trigger == nil ? 0 : order.limitPrice ?? 0, pair.pricePrecision)
    object.string("misc", order.isAmended ? "amended" : "")
    object.string("oflags", (order.feesInBase ? "fcib" : "fciq") + (order.isPostOnly ? ",post" : ""))
    if let trigger = order.trigger { object.string("trigger", trigger.followsIndex ? "index" : "last") }
    if withTrades { object.json("trades", JSONValue.array(order.tradeIDs.map { .string($0) }).text) }
    if !order.isOpen {
      object.json("reason", order.reason.map { JSONValue.string($0).text } ?? JSONValue.null.text)
      object.number("closetm", order.changedAt, 9)
    }
    return object.finished
  }

  private func restStatus(_ order: Order) -> String {
    switch order.status {
    case .pendingNew: "pending"
    case .new, .partiallyFilled: "open"
    case .filled: "closed"
    case .canceled: "canceled"
    case .expired: "expired"
    }
  }

  private func describeTerms(_ order: Order, _ pair: Instrument) -> Text {
    // The first price is the trigger's where there is one, and the limit then comes second.
    let first = order.trigger?.price ?? order.limitPrice ?? 0
    let second = order.trigger == nil ? 0 : order.limitPrice ?? 0
    var object = ObjectText()
    object.string("pair", pair.legacyBase + pair.legacyQuote)
    object.string("type", order.isBuy ? "buy" : "sell")
    object.string("ordertype", order.type.rawValue)
    object.quoted("price", first, pair.pricePrecision)
    object.quoted("price2", second, pair.pricePrecision)
    object.string("leverage", "none")
    object.string("order", sentence(order))
    object.string("close", "")
    return object.finished
  }

  /// The order in one line: `buy 0.50000000 XBTUSD @ limit 50000.0`.
  func sentence(_ order: Order) -> String {
    let market = markets[order.market]
    let name = market.instrument.legacyBase + market.instrument.legacyQuote
    let price = order.trigger?.price ?? order.limitPrice
    let terms = order.type.rawValue + (price.map { " " + market.priceText($0) } ?? "")
    let amount = order.cashQuantity.map { market.costText($0) } ?? market.quantityText(order.quantity)
    return "\(order.isBuy ? "buy" : "sell") \(amount) \(name) @ \(terms)"
  }

  /// Fills, latest first, of those that the account remembers.
  func tradesHistory(_ parameters: [String: String]) -> Text {
    var trades = Text()
    let fills = account.fills.reversed().filter { Self.covers(parameters, $0.time) }
    for fill in Self.page(fills, parameters) {
      guard let order = account.orders[fill.orderNumber] else { continue }
      let pair = markets[order.market].instrument
      var object = ObjectText()
      object.string("ordertxid", order.id)
      object.string("pair", Self.restPair(pair))
      object.number("time", fill.time, 9)
      object.string("type", order.isBuy ? "buy" : "sell")
      object.string("ordertype", order.type.rawValue)
      object.quoted("price", fill.price, pair.pricePrecision)
      object.quoted("cost", fill.cost, pair.costPrecision)
      object.quoted("fee", fill.fee, order.feesInBase ? pair.quantityPrecision : pair.costPrecision)
      object.quoted("vol", fill.quantity, pair.quantityPrecision)
      object.string("margin", "0.00000")
      object.string("misc", "")
      object.integer("trade_id", Int(fill.tradeID))
      object.flag("maker", fill.isMaker)
      trades.add(trades.isEmpty ? "{" : ",")
      trades.add(quoted: fill.executionID)
      trades.add(":")
      trades += object.finished
    }
    trades.add(trades.isEmpty ? "{}" : "}")
    var object = ObjectText()
    object.json("trades", trades)
    object.integer("count", fills.count)
    return object.finished
  }
}
