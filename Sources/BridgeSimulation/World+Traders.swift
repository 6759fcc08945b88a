// What traders ask for: orders of every kind, changes to them, and their ends. Prices and quantities are taken from the
// exchange's own book, so that orders rest, cross and fill.

import SimulatedExchange

extension World {
  func trade(_ reader: Reader) {
    guard reader.model.requests.open.count < 20, let socket = reader.socket, !socket.isHalfClosed else { return }
    switch manners.below(24) {
    case 0..<10: placeOrder(reader)
    case 10..<13: placeBatch(reader)
    case 13..<15: amend(reader)
    case 15..<19: cancel(reader)
    case 19, 20: edit(reader)
    case 21: cancelBatch(reader)
    case 22: if manners.onceIn(4) { order(reader, "cancel_all", "") }
    default:
      guard manners.onceIn(3) else { return }
      let seconds = manners.onceIn(3) ? 0 : manners.within(3...40)
      order(reader, "cancel_all_orders_after", "\"timeout\":\(seconds)" + (manners.onceIn(2) ? ",\"keep\":true" : ""))
    }
  }

  /// A request that has one answer, or one for each of several orders.
  @discardableResult
  private func order(_ reader: Reader, _ method: String, _ params: String, answers: Int = 1) -> Int {
    let id = reader.model.asks(.init(kind: .order, expected: answers, sentAt: now))
    ask(reader, "{\"method\":\"\(method)\",\"params\":{\(params)},\"req_id\":\(id)}\n")
    return id
  }

  // MARK: New orders

  /// A name is not used again sooner: clocks may differ by some seconds, and after a restart nothing else tells two
  /// orders of one name apart.
  private static let namesRest = 8 * Int64.second

  private func placeOrder(_ reader: Reader) {
    guard let draft = draft(reader, goesAlone: true) else { return }
    if manners.onceIn(20) {
      order(reader, "add_order", draft.text + ",\"symbol\":\"\(draft.symbol)\",\"validate\":true")
      return
    }
    let goes = manners.onceIn(3)
    let params = draft.text + ",\"symbol\":\"\(draft.symbol)\"" + (goes ? ",\"cancel_on_disconnect\":true" : "")
    place([draft], reader, goesWithConnection: goes, "add_order", params)
  }

  private func placeBatch(_ reader: Reader) {
    guard let first = draft(reader, goesAlone: false) else { return }
    let rest = (0..<manners.within(1...4)).compactMap { _ in draft(reader, goesAlone: false, symbol: first.symbol) }
    let drafts = [first] + rest
    let goes = manners.onceIn(4)
    let orders = drafts.map { "{\($0.text)}" }.joined(separator: ",")
    let params = "\"symbol\":\"\(first.symbol)\",\"orders\":[\(orders)]" + (goes ? ",\"cancel_on_disconnect\":true" : "")
    place(drafts, reader, goesWithConnection: goes, "batch_add", params)
  }

  private func place(_ drafts: [Draft], _ reader: Reader, goesWithConnection: Bool, _ method: String, _ params: String) {
    for draft in drafts { register[draft.tag].goesWithConnection = goesWithConnection }
    let id = order(reader, method, params)
    for draft in drafts {
      reader.model.trader.orders.append(
        ToldOrder(tag: draft.tag, clientID: draft.clientID, requestID: id, askedAt: now, doubts: register.doubts))
    }
  }

  /// Buys a little at any price, which both channels of the account tell of: what they missed before shows then.
  func probe(_ reader: Reader) {
    guard reader.role == .trader, reader.hasAsked, reader.model.requests.isIdle, reader.socket != nil else { return }
    let isDone = reader.model.trader.orders.contains { register[$0.tag].isProbe && ($0.isLive || $0.stage == "filled") }
    guard !isDone, let pair = exchange.instruments.first else { return }
    let tag = register.begin(.init(trader: reader.model.name, isProbe: true))
    let quantity = Self.decimal(pair.minimumQuantity * 2, pair.quantityPrecision)
    let text = "\"order_type\":\"market\",\"side\":\"buy\",\"order_qty\":\(quantity)," + identity(tag, nil)
    let draft = Draft(tag: tag, clientID: nil, symbol: pair.symbol, text: text)
    place([draft], reader, goesWithConnection: false, "add_order", text + ",\"symbol\":\"\(pair.symbol)\"")
  }

  private struct Draft {
    var tag: Int
    var clientID: String?
    var symbol: String
    var text: String
  }

  private func identity(_ tag: Int, _ clientID: String?) -> String {
    "\"sender_sub_id\":\"\(OrderRegister.text(tag))\"" + (clientID.map { ",\"cl_ord_id\":\"\($0)\"" } ?? "")
  }

  /// - Parameter goesAlone: an order in a batch bears a name, so that its lines can be told from the others'.
  private func draft(_ reader: Reader, goesAlone: Bool, symbol: String? = nil) -> Draft? {
    let pairs = exchange.instruments
    guard let pair = symbol.flatMap({ name in pairs.first { $0.symbol == name } }) ?? Optional(manners.pick(pairs)),
      let book = exchange.book(of: pair.symbol, depth: 1), let bid = book.bids.first, let ask = book.asks.first,
      let low = ReplayedBook.digits(Array(bid.price.utf8)[...]), let high = ReplayedBook.digits(Array(ask.price.utf8)[...])
    else { return nil }
    let tag = register.begin(.init(trader: reader.model.name))
    let isBuy = manners.onceIn(2)
    let near = isBuy ? low : high
    func price(_ offset: Int) -> String { Self.decimal(max(near + near * Int64(offset) / 20_000, 1), pair.pricePrecision) }
    let quantity = Self.decimal(pair.minimumQuantity * Int64(manners.within(1...30)), pair.quantityPrecision)
    var name: String?
    var text = "\"side\":\"\(isBuy ? "buy" : "sell")\",\"order_qty\":\(quantity)"
    var hasName = !goesAlone || !manners.onceIn(3)
    switch manners.below(12) {
    case 0, 1: text += ",\"order_type\":\"market\""
    case 2: text += ",\"order_type\":\"limit\",\"time_in_force\":\"ioc\",\"limit_price\":\(price(manners.within(-10...10)))"
    case 3: text += ",\"order_type\":\"limit\",\"post_only\":true,\"limit_price\":\(price(manners.within(-10...10)))"
    case 4:
      text += ",\"order_type\":\"stop-loss\",\"triggers\":{\"price\":\(price(manners.within(-20...20))),\"reference\":\"last\"}"
    case 5 where goesAlone:
      hasName = false
      text += ",\"order_type\":\"limit\",\"limit_price\":\(price(manners.within(-10...40)))"
        + ",\"conditional\":{\"order_type\":\"limit\",\"limit_price\":\(price(manners.within(-200...200)))}"
    case 6: text += ",\"order_type\":\"limit\",\"limit_price\":-1"
    default: text += ",\"order_type\":\"limit\",\"limit_price\":\(price(manners.within(-20...15)))"
    }
    if hasName {
      name = "c\(tag)"
      // Names may be used again once their order is over.
      let recent = reader.model.trader.orders.filter { $0.askedAt > now - Self.namesRest }.map(\.clientID)
      let past = reader.model.trader.orders.last { $0.isOver && !recent.contains($0.clientID) }?.clientID
      if manners.onceIn(8), let past { name = past }
    } else if goesAlone, manners.onceIn(3) {
      text += ",\"order_userref\":\(manners.within(1...3))"
    }
    return Draft(tag: tag, clientID: name, symbol: pair.symbol, text: text + "," + identity(tag, name))
  }

  // MARK: Changes

  private func anyOrder(_ reader: Reader) -> ToldOrder? {
    let live = reader.model.trader.orders.filter(\.isLive)
    if !live.isEmpty, !manners.onceIn(10) { return manners.pick(live) }
    return reader.model.trader.orders.last
  }

  private func name(_ order: ToldOrder, isList: Bool) -> String? {
    let (key, value) = order.clientID.map { ("cl_ord_id", $0) } ?? ("order_id", order.orderID ?? "")
    guard !value.isEmpty else { return nil }
    return isList ? "\"\(key)\":[\"\(value)\"]" : "\"\(key)\":\"\(value)\""
  }

  private func change(of order: ToldOrder) -> (symbol: String, text: String)? {
    guard let truth = exchange.accountOrders.last(where: { $0.senderID == OrderRegister.text(order.tag) }),
      let pair = exchange.instruments.first(where: { $0.symbol == truth.symbol }),
      let price = truth.limitPrice.flatMap({ ReplayedBook.digits(Array($0.utf8)[...]) })
    else { return nil }
    let moved = Self.decimal(max(price + price * Int64(manners.within(-20...20)) / 20_000, 1), pair.pricePrecision)
    let quantity = Self.decimal(pair.minimumQuantity * Int64(manners.within(1...40)), pair.quantityPrecision)
    let text = [",\"limit_price\":\(moved)", ",\"order_qty\":\(quantity)", ",\"limit_price\":\(moved),\"order_qty\":\(quantity)"]
    return (pair.symbol, manners.pick(text))
  }

  private func amend(_ reader: Reader) {
    guard let order = anyOrder(reader), let name = name(order, isList: false), let change = change(of: order) else { return }
    self.order(reader, "amend_order", name + change.text)
  }

  /// Kraken edits only orders without a client's name.
  private func edit(_ reader: Reader) {
    guard let order = reader.model.trader.orders.last(where: { $0.isLive && $0.clientID == nil }) ?? anyOrder(reader),
      let id = order.orderID, let change = change(of: order)
    else { return }
    self.order(reader, "edit_order", "\"order_id\":\"\(id)\",\"symbol\":\"\(change.symbol)\"" + change.text)
  }

  private func cancel(_ reader: Reader) {
    let ids = reader.model.trader.orders.filter(\.isLive).compactMap(\.orderID).shuffled(by: &manners).prefix(3)
    if manners.onceIn(4), ids.count > 1 {
      let list = ids.map { "\"\($0)\"" }.joined(separator: ",")
      order(reader, "cancel_order", "\"order_id\":[\(list)]", answers: ids.count)
    } else if let name = anyOrder(reader).flatMap({ name($0, isList: true) }) {
      order(reader, "cancel_order", name)
    }
  }

  private func cancelBatch(_ reader: Reader) {
    let ids = reader.model.trader.orders.compactMap(\.orderID).suffix(manners.within(2...6))
    guard ids.count > 1 else { return }
    order(reader, "batch_cancel", "\"orders\":[" + ids.map { "\"\($0)\"" }.joined(separator: ",") + "]")
  }

  /// A number in units of its last digit.
  static func decimal(_ value: Int64, _ precision: Int) -> String {
    guard precision > 0 else { return String(value) }
    let digits = String(value)
    let padded = String(repeating: "0", count: max(0, precision + 1 - digits.count)) + digits
    return padded.dropLast(precision) + "." + padded.suffix(precision)
  }
}

extension [String] {
  fileprivate func shuffled(by chance: inout Chance) -> [String] {
    var rest = self
    var result: [String] = []
    while !rest.isEmpty { result.append(rest.remove(at: chance.below(rest.count))) }
    return result
  }
}
