// Requests about orders that exist: amend, edit, cancel. Whose orders they are does not matter, as at Kraken.

import BridgeWire
import JSONText
import MarketData

extension OrderDesk {
  /// What is known of an order by one of its names, whoever placed it.
  func facts(orderID: String?, clientID: String?) -> OrderFacts? {
    if let orderID { return byOrderID[orderID].flatMap { orders[$0]?.facts } ?? foreign[orderID] }
    guard let clientID else { return nil }
    return byClientID[clientID].flatMap { orders[$0]?.facts } ?? foreign.values.first { $0.clientID == clientID }
  }

  mutating func amendOrder(
    _ request: IncomingRequest, _ price: TradingConfiguration.PriceSource
  ) throws(RequestFault) {
    let parameters = request.parameters
    let (orderID, clientID) = (try parameters.string("order_id"), try parameters.string("cl_ord_id"))
    guard orderID != nil || clientID != nil else {
      throw RequestFault(.badParameter, "amend_order needs order_id or cl_ord_id")
    }
    guard !configuration.validateOnly else {
      throw RequestFault(.notPermitted, "validate-only: Kraken cannot be asked to only check an amendment")
    }
    let facts = facts(orderID: orderID, clientID: clientID)
    try configuration.check("amend_order", OrderChange(parameters), facts, price: price)
    let cost = RateCost.amend(age: age(facts, request.now))
    try checkRate(cost, facts?.symbol, now: request.now)
    spend(cost, facts?.symbol, now: request.now)
    pass(request, .plain, symbol: try parameters.string("symbol").map(Spelling.currentPair))
  }

  /// An edit ends the order and makes another; to its owner it is the same order with a new id.
  mutating func editOrder(
    _ request: IncomingRequest, _ price: TradingConfiguration.PriceSource
  ) throws(RequestFault) {
    let parameters = request.parameters
    let orderID = try parameters.required("order_id", "the order to replace")
    let symbol = Spelling.currentPair(try parameters.required("symbol", "the order's pair"))
    let isCheck = try parameters.bool("validate") || configuration.validateOnly
    let facts = facts(orderID: orderID, clientID: nil)
    try configuration.check("edit_order", OrderChange(parameters), facts, price: price)
    let cost = RateCost.edit(age: age(facts, request.now))
    if !isCheck {
      if let max = configuration.ordersPerMinute, !pace.hasRoom(for: 1, max: max, now: request.now.monotonic) {
        throw RequestFault(.rateLimited, "orders-per-minute is \(max)", symbol: symbol)
      }
      try checkRate(cost, symbol, now: request.now)
      pace.add(1, now: request.now.monotonic)
      spend(cost, symbol, now: request.now)
    }
    guard !isCheck, let key = byOrderID[orderID], let order = orders[key], order.isLive else {
      return pass(request, .plain, symbol: symbol, forced: isCheck ? [Field("validate", text: "true")] : [])
    }
    if order.edit?.orderID == orderID {
      orders[key]?.edit?.count += 1
    } else {
      orders[key]?.edit = PendingEdit(orderID: orderID)
    }
    claimants.insert(key)
    pass(request, .edit(key), symbol: symbol)
  }

  mutating func cancelOrders(_ request: IncomingRequest) throws(RequestFault) {
    let parameters = request.parameters
    let (ids, names) = (try parameters.list("order_id"), try parameters.list("cl_ord_id"))
    let userrefs = try parameters.list("order_userref")
    let count = ids.count + names.count + userrefs.count
    guard count > 0 else {
      throw RequestFault(.badParameter, "cancel_order needs order_id, cl_ord_id or order_userref: an array")
    }
    for id in ids { spendCancel(facts(orderID: id, clientID: nil), now: request.now) }
    for name in names { spendCancel(facts(orderID: nil, clientID: name), now: request.now) }
    pass(request, .cancel(left: count, isOpenEnded: !userrefs.isEmpty, isAnswered: false))
  }

  mutating func cancelBatch(_ request: IncomingRequest) throws(RequestFault) {
    let (ids, names) = (try request.parameters.list("orders"), try request.parameters.list("cl_ord_id"))
    guard !ids.isEmpty || !names.isEmpty else {
      throw RequestFault(.badParameter, "batch_cancel needs orders or cl_ord_id: an array")
    }
    for id in ids { spendCancel(facts(orderID: id, clientID: nil), now: request.now) }
    for name in names { spendCancel(facts(orderID: nil, clientID: name), now: request.now) }
    pass(request, .plain)
  }

  // MARK: - Kraken's rate counter

  private func age(_ facts: OrderFacts?, _ now: Moment) -> Int64? { facts?.placedAt.map { now.monotonic - $0 } }

  private mutating func spend(_ cost: Int64, _ symbol: String?, now: Moment) {
    if let symbol { rates.add(cost, to: symbol, now: now.monotonic) }
  }

  /// Cancelling is counted but never refused: a client that cannot cancel is worse off than one that has to wait.
  mutating func spendCancel(_ facts: OrderFacts?, now: Moment) {
    spend(RateCost.cancel(age: age(facts, now)), facts?.symbol, now: now)
  }
}

// MARK: - Orders that go with their connection

extension OrderDesk {
  static let cancelChecked: Duration = .seconds(5)
  static let cancelAttemptsMax = 20

  /// Cancels those of the orders whose cancellation is wanted and possible: an order is cancelled by its id alone,
  /// since names may be used again. The others follow when their ids are known.
  mutating func cancel(_ keys: [OrderKey], now: Moment) {
    guard let token else { return }
    let ready = keys.filter { orders[$0]?.isCancelWanted == true && orders[$0]?.orderID != nil }
    var rest = ready[...]
    while !rest.isEmpty {
      let chunk = Array(rest.prefix(50))
      rest = rest.dropFirst(50)
      let ids = chunk.compactMap { orders[$0]?.orderID }
      for key in chunk {
        orders[key]?.cancelAttempts += 1
        spendCancel(orders[key]?.facts, now: now)
        cancelChecks.add(key, at: now.monotonic + Self.cancelChecked.nanoseconds)
      }
      var json = JSONBytes(reserving: 64 + ids.count * 24)
      // A batch has two orders at least.
      json.append(ids.count == 1 ? "\"order_id\":[" : "\"orders\":[")
      for id in ids {
        if json.needsComma { json.append(",") }
        json.append(quoted: id)
      }
      json.append("]")
      let head = AnswerHead(method: ids.count == 1 ? "cancel_order" : "batch_cancel", requestID: nil, timeIn: now.wall)
      send(json, PendingRequest(purpose: .ownCancel(chunk), head: head), token: token, now: now)
      log(.info, "cancelling \(ids.count) orders of a connection that has gone")
    }
  }

  /// A while after a cancellation was sent: the execution report should be here.
  mutating func checkCancel(_ key: OrderKey, now: Moment) {
    guard let order = orders[key], order.isLive, order.isCancelWanted else { return }
    guard order.cancelAttempts < Self.cancelAttemptsMax else {
      orders[key]?.isCancelWanted = false
      return log(.error, "order \(order.orderID ?? "?") of a connection that has gone could not be cancelled")
    }
    cancel([key], now: now)
  }
}
