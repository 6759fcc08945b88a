// Trading requests about orders that exist: amend, edit, cancel, and the dead man's switch.

extension Exchange {
  private func openOrder(_ parameters: OrderParameters) throws(Refusal) -> Order {
    let id = try parameters.string("order_id")
    let clientID = try parameters.string("cl_ord_id")
    guard (id == nil) != (clientID == nil) else { throw .invalid("order_id") }
    let order = id.map { account[id: $0] } ?? clientID.flatMap { account.open(clientID: $0) }
    guard let order, order.isOpen else { throw .unknownOrder }
    return order
  }

  // MARK: Amending

  mutating func amendOrder(_ parameters: OrderParameters) throws(Refusal) -> Text {
    try parameters.allow([
      "order_id", "cl_ord_id", "order_qty", "display_qty", "limit_price", "limit_price_type", "post_only",
      "trigger_price", "trigger_price_type", "deadline", "symbol", "token",
    ])
    let order = try openOrder(parameters)
    let pair = markets[order.market].instrument
    var amended = order
    try applyChanges(parameters, to: &amended, pair)
    if let term = try parameters.price(
      "trigger_price", try parameters.choice("trigger_price_type", PriceTerm.Form.self) ?? .fixed, pair)
    {
      guard let trigger = order.trigger, !trigger.isStruck else { throw .invalid("trigger_price") }
      amended.trigger = newTrigger(
        term, order.type, isBuy: order.isBuy, followsIndex: trigger.followsIndex, start: trigger.peak)
    }
    amended.isPostOnly = try parameters.has("post_only") ? parameters.bool("post_only") : order.isPostOnly
    if amended.isPostOnly, amended.isWorking, crosses(amended) { throw Refusal("EOrder:Post only order") }
    let need = need(of: amended)
    guard need.amount <= available(need.asset, besides: order.number) else { throw Refusal("EOrder:Insufficient funds") }
    try count(RateCounter.amendCost(age: now - order.createdAt), in: order.market)
    inMarket(order.market) { exchange in
      exchange.account.update(order.number) {
        $0 = amended
        $0.isAmended = true
        $0.reason = "User requested"
        $0.changedAt = exchange.now
      }
      exchange.report(order.number, .amended)
      if exchange.isMatching(order.market) { exchange.take(order.number) }
    }
    var object = ObjectText()
    object.string("amend_id", identifier("T"))
    if let clientID = order.clientID { object.string("cl_ord_id", clientID) }
    object.string("order_id", order.id)
    return object.finished
  }

  /// What amending and editing have in common: quantity, display and limit.
  private func applyChanges(
    _ parameters: OrderParameters, to order: inout Order, _ pair: Instrument
  ) throws(Refusal) {
    if let quantity = try parameters.quantity("order_qty", decimals: pair.quantityPrecision) {
      guard order.cashQuantity == nil, quantity > order.filledQuantity else { throw .invalid("order_qty") }
      try OrderRequest.checkMinimum(quantity, pair)
      order.quantity = quantity
    }
    if let display = try parameters.quantity("display_qty", decimals: pair.quantityPrecision) {
      try OrderRequest.checkDisplay(display, of: order.quantity, order.type)
      order.display = display
    }
    if let display = order.display { order.displayRemaining = min(display, order.remaining) }
    let form = try parameters.choice("limit_price_type", PriceTerm.Form.self) ?? order.limit?.form ?? .fixed
    if let limit = try parameters.price("limit_price", form, pair) {
      guard order.type.hasLimit else { throw .invalid("limit_price") }
      order.limit = limit
    }
    if let limit = order.limit, limit.form == .fixed {
      try OrderRequest.checkCost(price: limit.value, quantity: order.quantity, pair)
    }
  }

  // MARK: Editing

  /// Cancels an order and places another in its stead.
  mutating func editOrder(_ parameters: OrderParameters) throws(Refusal) -> Text {
    try parameters.allow([
      "order_id", "symbol", "order_qty", "limit_price", "display_qty", "fee_preference", "order_userref", "post_only",
      "reduce_only", "triggers", "deadline", "validate", "no_mpp", "token",
    ])
    let index = try pairIndex(parameters)
    guard try parameters.string("order_id") != nil else { throw .invalid("order_id") }
    let order = try openOrder(parameters)
    guard order.market == index else { throw .unknownOrder }
    let pair = markets[index].instrument
    // An order with a client's id can only be amended.
    guard order.clientID == nil else { throw Refusal("EOrder:Invalid order") }
    var edited = order
    try applyChanges(parameters, to: &edited, pair)
    if let field = parameters.value["triggers"] {
      guard let trigger = order.trigger else { throw .invalid("triggers") }
      let triggers = try OrderParameters(field)
      let form = try triggers.choice("price_type", PriceTerm.Form.self) ?? .fixed
      guard let term = try triggers.price("price", form, pair) else { throw .invalid("triggers.price") }
      edited.trigger = newTrigger(
        term, order.type, isBuy: order.isBuy, followsIndex: trigger.followsIndex, start: trigger.peak)
    }
    if let reference = try parameters.integer("order_userref") { edited.reference = reference }
    if parameters.has("post_only") { edited.isPostOnly = try parameters.bool("post_only") }
    let need = need(of: edited)
    guard need.amount <= available(need.asset, besides: order.number) else { throw Refusal("EOrder:Insufficient funds") }
    var object = ObjectText()
    guard try !parameters.bool("validate") else {
      object.string("order_id", "")
      object.string("original_order_id", order.id)
      return object.finished
    }
    try count(RateCounter.editCost(age: now - order.createdAt), in: index)
    let id = inMarket(index) { exchange in
      exchange.end(order.number, .canceled, reason: "User requested")
      return exchange.replace(order, by: edited)
    }
    object.string("order_id", id)
    object.string("original_order_id", order.id)
    return object.finished
  }

  private mutating func replace(_ order: Order, by edited: Order) -> String {
    var new = newOrder(market: order.market, isBuy: order.isBuy, type: order.type, quantity: edited.remaining)
    new.limit = edited.limit
    new.trigger = edited.trigger
    new.timeInForce = order.timeInForce
    new.isPostOnly = edited.isPostOnly
    new.feesInBase = order.feesInBase
    new.display = edited.display
    new.displayRemaining = min(edited.display ?? 0, new.quantity)
    new.effectiveAt = order.effectiveAt
    new.expiresAt = order.expiresAt
    new.reference = edited.reference
    new.closing = order.closing
    new.parentID = order.id
    admit(new)
    return new.id
  }

  // MARK: Cancelling

  func checkCancelling() throws(Refusal) {
    if systemState == .maintenance { throw Refusal("EService:Unavailable") }
  }

  mutating func cancel(_ order: Order, reason: String = "User requested") {
    account.counters[order.market, default: RateCounter()].raise(
      RateCounter.cancelCost(age: now - order.createdAt), at: now, configuration.accountTier)
    inMarket(order.market) { $0.end(order.number, .canceled, reason: reason) }
  }

  /// One answer for every order that is named.
  mutating func cancelOrders(_ parameters: OrderParameters, _ answer: Answer) throws(Refusal) -> [Text] {
    try parameters.allow(["order_id", "cl_ord_id", "order_userref", "token"])
    try checkCancelling()
    var answers: [Text] = []
    func result(_ key: StaticString, _ value: String) -> Text {
      var object = ObjectText()
      object.string(key, value)
      return object.finished
    }
    for id in try parameters.strings("order_id") {
      guard let order = account[id: id], order.isOpen else {
        answers.append(answer.failure(Refusal.unknownOrder.text))
        continue
      }
      cancel(order)
      answers.append(answer.success(result("order_id", id)))
    }
    for clientID in try parameters.strings("cl_ord_id") {
      guard let order = account.open(clientID: clientID) else {
        answers.append(answer.failure(Refusal.unknownOrder.text))
        continue
      }
      cancel(order)
      answers.append(answer.success(result("cl_ord_id", clientID)))
    }
    for reference in try parameters.integers("order_userref") {
      let orders = account.open(reference: reference)
      if orders.isEmpty { answers.append(answer.failure(Refusal.unknownOrder.text)) }
      for order in orders {
        cancel(order)
        answers.append(answer.success(result("order_id", order.id)))
      }
    }
    guard !answers.isEmpty else { throw .invalid("order_id") }
    return answers
  }

  /// How many were cancelled. Their reports come in one message.
  mutating func cancel(all orders: [Order], reason: String = "User requested") -> Int {
    groupsReports = true
    for order in orders { cancel(order, reason: reason) }
    groupsReports = false
    return orders.count
  }

  mutating func cancelAll(_ parameters: OrderParameters) throws(Refusal) -> Text {
    try parameters.allow(["token"])
    try checkCancelling()
    var object = ObjectText()
    object.integer("count", cancel(all: account.open))
    return object.finished
  }

  mutating func batchCancel(_ parameters: OrderParameters, _ answer: Answer) throws(Refusal) -> Text {
    try parameters.allow(["orders", "cl_ord_id", "token"])
    try checkCancelling()
    let names = try parameters.strings("orders")
    let clientIDs = try parameters.strings("cl_ord_id")
    guard (2...50).contains(names.count + clientIDs.count) else { throw .invalid("orders") }
    var orders: [Order] = []
    for name in names {
      if let order = account[id: name], order.isOpen { orders.append(order) }
      if let reference = Int(name) { orders += account.open(reference: reference) }
    }
    orders += clientIDs.compactMap { account.open(clientID: $0) }
    var seen: Set<Int> = []
    let count = cancel(all: orders.filter { seen.insert($0.number).inserted })
    if takeRule(.otherShapes) != nil { return answer.success(key: "orders_cancelled", Text("\(count)".utf8)) }
    var object = ObjectText()
    object.integer("count", count)
    return answer.success(object.finished)
  }

  // MARK: Dead man's switch

  mutating func cancelAllAfter(_ parameters: OrderParameters) throws(Refusal) -> Text {
    try parameters.allow(["timeout", "token"])
    guard let timeout = try parameters.integer("timeout"), (0..<86_400).contains(timeout) else {
      throw .invalid("timeout")
    }
    switchEra += 1
    switchTime = timeout > 0 ? now + Int64(timeout) * 1_000_000_000 : nil
    if let switchTime { events.plan(.deadManSwitch(era: switchEra), at: switchTime) }
    var object = ObjectText()
    object.time("currentTime", now, fraction: 0)
    if let switchTime {
      object.time("triggerTime", switchTime, fraction: 0)
    } else {
      object.string("triggerTime", "0")
    }
    return object.finished
  }

  mutating func fireDeadManSwitch(era: Int) {
    guard era == switchEra else { return }
    switchTime = nil
    _ = cancel(all: account.open, reason: "CancelAllOrdersAfter Timeout")
    sendReports()
  }

  // MARK: By the engine

  /// The engine takes a tenth off an open order of its own accord.
  mutating func restate(_ order: Order) {
    inMarket(order.market) { exchange in
      exchange.account.update(order.number) {
        $0.quantity -= max(1, $0.remaining / 10)
        $0.isAmended = true
        $0.reason = "Reduce non-tradable liquidity"
        $0.changedAt = exchange.now
      }
      exchange.report(order.number, .restated)
    }
    sendReports()
  }
}
