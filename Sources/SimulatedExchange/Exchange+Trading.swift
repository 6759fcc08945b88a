// Trading requests: from the message to the engine and back, with the faults that come between. The engine's work,
// the answer and the reports are three moments, and a client must live with any order of the last two.

/// A trading request on its way to the engine.
struct TradingCall: Sendable {
  var connection: Exchange.ConnectionID
  var params: JSONValue?
  var answer: Answer
}

extension Exchange {
  static let tradingMethods: Set<String> = [
    "add_order", "amend_order", "edit_order", "cancel_order", "cancel_all", "cancel_all_orders_after", "batch_add",
    "batch_cancel",
  ]

  mutating func trade(_ call: TradingCall) {
    let id = call.connection
    if call.answer.method == "add_order", let name = call.params?["cl_ord_id"]?.string { account.noteRequest(of: name) }
    if takeRule(.cutBeforeOrder, connection: id) != nil { return end(id, with: .drop) }
    if let fault = takeRule(.refuseOrder, connection: id) {
      return reply([call.answer.failure(fault.text ?? "EGeneral:Internal error")], to: id)
    }
    if configuration.orderLatency > 0 {
      events.plan(.trading(call), at: now + configuration.orderLatency)
    } else {
      run(call)
    }
  }

  mutating func run(_ call: TradingCall) {
    let id = call.connection
    let answers = perform(call)
    if takeRule(.cutAfterOrder, connection: id) != nil {
      end(id, with: .drop)
      return sendReports()
    }
    let isLost = takeRule(.orderAnswerLost, connection: id) != nil
    let late = takeRule(.orderAnswerLate, connection: id).map { $0.delay ?? 20_000_000 }
    let first = takeRule(.orderAnswerFirst, connection: id).map { $0.delay ?? 20_000_000 }
    if late != nil || configuration.answerLatency > 0 { sendReports() }
    if !isLost { reply(answers, to: id, after: late ?? configuration.answerLatency) }
    sendReports(after: first)
  }

  /// Lets the engine work; gives the answers.
  private mutating func perform(_ call: TradingCall) -> [Text] {
    var answer = call.answer
    answer.sentAt = now + configuration.answerLatency
    do throws(Refusal) {
      let parameters = try OrderParameters(call.params)
      try checkSession(parameters, of: call.connection, for: .trade)
      if let deadline = try parameters.deadline(now: answer.receivedAt), deadline < now {
        throw Refusal("EService:Deadline elapsed")
      }
      switch answer.method {
      case "add_order": return [answer.success(try addOrder(parameters))]
      case "amend_order": return [answer.success(try amendOrder(parameters))]
      case "edit_order": return [answer.success(try editOrder(parameters))]
      case "cancel_order": return try cancelOrders(parameters, answer)
      case "cancel_all": return [answer.success(try cancelAll(parameters))]
      case "cancel_all_orders_after": return [answer.success(try cancelAllAfter(parameters))]
      case "batch_add": return [answer.success(try batchAdd(parameters))]
      case "batch_cancel": return [try batchCancel(parameters, answer)]
      default: throw Refusal("EGeneral:Unknown method")
      }
    } catch {
      return [answer.failure(error.text)]
    }
  }

  // MARK: Adding

  func pairIndex(_ parameters: OrderParameters) throws(Refusal) -> Int {
    guard let symbol = try parameters.string("symbol") else { throw .invalid("symbol") }
    guard let index = marketIndex[symbol.uppercased()], markets[index].instrument.status != .delisted else {
      throw Refusal("EQuery:Unknown asset pair")
    }
    return index
  }

  private mutating func addOrder(_ parameters: OrderParameters) throws(Refusal) -> Text {
    let order = try placeOrder(parameters)
    return identity(order.clientID, order.reference, id: order.id)
  }

  /// The order that was placed; one without an id if it was only to be checked.
  mutating func placeOrder(_ parameters: OrderParameters) throws(Refusal) -> Order {
    try parameters.allow(OrderRequest.fields.union(["symbol", "token", "deadline", "validate"]))
    let index = try pairIndex(parameters)
    let request = try OrderRequest(parameters, market: index, pair: markets[index].instrument, now: now)
    try checkState(request)
    try checkAccount(request)
    guard try !parameters.bool("validate") else { return draft(request) }
    try count(1, in: index)
    return inMarket(index) { exchange in
      let order = exchange.admit(request)
      exchange.activate(order.number)
      return order
    }
  }

  private func identity(_ clientID: String?, _ reference: Int?, id: String) -> Text {
    var object = ObjectText()
    object.string("order_id", id)
    object.string("cl_ord_id", clientID)
    if let reference { object.integer("order_userref", reference) }
    return object.finished
  }

  /// Raises the pair's counter, or refuses.
  func allows(_ cost: Double, in market: Int) -> Bool {
    (account.counters[market] ?? RateCounter()).allows(cost, at: now, configuration.accountTier)
  }

  mutating func count(_ cost: Double, in market: Int, isForced: Bool = false) throws(Refusal) {
    guard isForced || allows(cost, in: market) else { throw Refusal("EOrder:Rate limit exceeded") }
    account.counters[market, default: RateCounter()].raise(cost, at: now, configuration.accountTier)
  }

  /// Two to fifteen orders of one pair. A mistake in one refuses all; money and limits are looked at order by order.
  private mutating func batchAdd(_ parameters: OrderParameters) throws(Refusal) -> Text {
    try parameters.allow(["symbol", "orders", "token", "deadline", "validate"])
    let index = try pairIndex(parameters)
    guard let list = parameters.value["orders"]?.array, (2...15).contains(list.count) else { throw .invalid("orders") }
    var requests: [OrderRequest] = []
    for element in list {
      let fields = try OrderParameters(element)
      try fields.allow(OrderRequest.fields)
      let request = try OrderRequest(fields, market: index, pair: markets[index].instrument, now: now)
      try checkState(request)
      if let clientID = request.clientID, requests.contains(where: { $0.clientID == clientID }) {
        throw .invalid("cl_ord_id")
      }
      requests.append(request)
    }
    let isTrial = try parameters.bool("validate")
    if !isTrial { try count(Double(requests.count) / 2, in: index) }
    let results = inMarket(index) { exchange in
      exchange.groupsReports = true
      defer { exchange.groupsReports = false }
      var admitted: [Int] = []
      let results = requests.map { request -> Text in
        do throws(Refusal) {
          try exchange.checkAccount(request)
          guard !isTrial else { return exchange.identity(request.clientID, request.reference, id: "") }
          let order = exchange.admit(request)
          admitted.append(order.number)
          return exchange.identity(order.clientID, order.reference, id: order.id)
        } catch {
          var object = ObjectText()
          object.string("error", error.text)
          object.string("cl_ord_id", request.clientID)
          if let reference = request.reference { object.integer("order_userref", reference) }
          return object.finished
        }
      }
      for number in admitted { exchange.activate(number) }
      return results
    }
    guard takeRule(.otherShapes) == nil else {
      var object = ObjectText()
      object.json("orders", .list(results))
      return object.finished
    }
    return .list(results)
  }
}
