// Looking up orders in doubt over REST: by id if it is known, else by name among the open and the closed orders. Only
// an order that is in neither, and that has had the time to get there, was never received.

import JSONText
import MarketData

extension OrderDesk {
  mutating func beginSearch(_ key: OrderKey, at time: Int64) {
    guard let order = orders[key], order.isLive else { return }
    let step: OrderSearch.Step = order.orderID == nil || order.edit != nil ? .open : .byID
    if order.search == nil { searching.append(key) }
    orders[key]?.search = OrderSearch(step: step, notBefore: time)
  }

  mutating func endSearch(_ key: OrderKey) {
    guard orders[key]?.search != nil else { return }
    orders[key]?.search = nil
    searching.removeAll { $0 == key }
  }

  /// When the search goes on.
  var searchAt: Int64? {
    if let query { return query.deadline }
    return searching.compactMap { orders[$0]?.search?.notBefore }.min().map { max($0, searchPace.notBefore) }
  }

  /// Asks the next question, if it is time for one.
  mutating func searchOn(now: Moment) {
    if let query, query.deadline <= now.monotonic { failQuery(query, "no outcome", now: now) }
    guard query == nil, searchPace.notBefore <= now.monotonic else { return }
    let due = searching.filter { orders[$0]?.search.map { $0.notBefore <= now.monotonic } ?? false }
    guard let first = due.first, let search = orders[first]?.search else { return }
    let sameStep =
      search.isAlone
      ? [first] : due.filter { orders[$0]?.search?.step == search.step && orders[$0]?.search?.isAlone == false }
    let keys: [OrderKey]
    var path: String
    var form: String
    switch search.step {
    case .byID:
      keys = Array(sameStep.prefix(SearchPace.idsMax))
      path = "/0/private/QueryOrders"
      form = "txid=" + Self.encoded(keys.compactMap { orders[$0]?.orderID }.joined(separator: ","))
    case .open:
      // One answer tells of any number of open orders.
      keys = sameStep
      path = "/0/private/OpenOrders"
      form = keys.count == 1 ? nameFilter(first) : ""
    case .closed:
      keys = [first]
      path = "/0/private/ClosedOrders"
      form = nameFilter(first)
    }
    searchPace.lastID += 1
    query = RESTQuery(
      id: searchPace.lastID, step: search.step, keys: keys,
      deadline: now.monotonic + SearchPace.queryDeadline.nanoseconds)
    outbox.append(.query(searchPace.lastID, path: path, form: form))
  }

  /// Empty for an order that an edit has given a new id: only what it was made from tells it.
  private func nameFilter(_ key: OrderKey) -> String {
    guard let order = orders[key], order.edit == nil else { return "" }
    if let clientID = order.facts.clientID { return "cl_ord_id=" + Self.encoded(clientID) }
    return order.facts.userref.map { "userref=\($0)" } ?? ""
  }

  private static func encoded(_ text: String) -> String {
    let hex = Array("0123456789ABCDEF")
    return text.utf8.reduce(into: "") { result, byte in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        result += "%\(hex[Int(byte >> 4)])\(hex[Int(byte & 15)])"
      }
    }
  }
}

// MARK: - Outcomes

extension OrderDesk {
  /// The outcome of a `query`: the whole answer of the REST call, or why there is none.
  public mutating func queryAnswered(_ id: UInt64, _ root: JSONValue?, error: String?, now: Moment) -> [DeskAction] {
    guard let query, query.id == id else { return drain() }
    let found = root.flatMap { RESTOrders.read($0, query.step) }
    if let error = error ?? root.flatMap(RESTOrders.error) {
      failQuery(query, error, now: now)
    } else if let found {
      self.query = nil
      searchPace.noteSuccess()
      for key in query.keys { conclude(key, query.step, found, now: now) }
    } else {
      failQuery(query, "an answer of another form", now: now)
    }
    searchOn(now: now)
    return drain()
  }

  private mutating func failQuery(_ query: RESTQuery, _ error: String, now: Moment) {
    self.query = nil
    searchPace.noteFailure(now: now.monotonic)
    log(.warning, "orders in doubt could not be looked up (\(query.keys.count)): \(error)")
    guard query.step == .byID, error.hasPrefix("EOrder:") else { return }
    // One id that Kraken does not know spoils the question for all.
    for key in query.keys { orders[key]?.search?.isAlone = true }
  }

  private mutating func conclude(_ key: OrderKey, _ step: OrderSearch.Step, _ found: [RESTOrder], now: Moment) {
    guard let order = orders[key], let search = order.search, search.step == step else { return }
    if let match = found.first(where: { isSame($0, order) }) { return settle(key, match, now: now) }
    switch step {
    case .open: orders[key]?.search?.step = .closed
    case .closed where order.orderID != nil: orders[key]?.search?.step = .byID
    case .closed:
      let decidable = order.sentAt.monotonic + order.patience.nanoseconds
      guard now.monotonic >= decidable else {
        orders[key]?.search = OrderSearch(step: .open, notBefore: decidable)
        return
      }
      let reason = Field("reason", quoted: "Kraken never received it")
      orders[key]?.merge([reason])
      if let stage = orders[key]?.progress.settle(at: .rejected) { tell(stage, of: key, [reason]) }
      noteIfOver(key, now: now)
    case .byID:
      // An order that has an id exists; the answer has left it out.
      orders[key]?.search?.notBefore = now.monotonic + Int64(SearchPace.pauses.last!) * 1_000_000_000
    }
  }

  /// Whether an order of Kraken's is the one that is looked for.
  private func isSame(_ found: RESTOrder, _ order: TrackedOrder) -> Bool {
    // The order that closes a filled one names it like an edited one, and is on the other side.
    if let isBuy = found.isBuy, isBuy != order.facts.isBuy ?? isBuy { return false }
    if let orderID = order.orderID {
      guard let edit = order.edit, found.id != edit.orderID else {
        // While an edit is in doubt, only the open order says anything by its old id.
        return found.id == orderID && (order.edit == nil || !found.stage.isFinal || order.search?.step == .byID)
      }
      return byOrderID[found.id] == nil
        && (found.parentID == edit.orderID || (found.clientID != nil && found.clientID == order.facts.clientID))
    }
    guard byOrderID[found.id] == nil else { return false }
    if let openedAt = found.openedAt, openedAt < earliestTime(of: order) { return false }
    if let clientID = order.facts.clientID { return found.clientID == clientID }
    guard let userref = order.facts.userref, found.userref == userref else { return false }
    return order.hasOwnUserref || order.facts.isLike(found.isBuy, found.quantity, found.limitPrice)
  }

  private mutating func settle(_ key: OrderKey, _ found: RESTOrder, now: Moment) {
    if let edit = orders[key]?.edit {
      if found.id == edit.orderID {
        orders[key]?.edit = nil
        endClaim(key)
      } else {
        moveOrder(key, from: edit.orderID, to: found.id, now: now)
      }
    }
    identify(key, orderID: found.id, now: now)
    endSearch(key)
    orders[key]?.epoch = epoch
    let isNews = orders[key]?.merge(found.fields) ?? false
    if let stage = orders[key]?.progress.settle(at: found.stage, isNews: isNews) { tell(stage, of: key, found.fields) }
    noteIfOver(key, now: now)
  }
}

extension OrderFacts {
  /// Whether an order of the same `order_userref` can be this one.
  func isLike(_ isBuy: Bool?, _ quantity: NumberText?, _ limitPrice: NumberText?) -> Bool {
    func same(_ a: NumberText?, _ b: NumberText?) -> Bool {
      guard let a, let b else { return true }
      return a.compare(b) == 0
    }
    return self.isBuy == isBuy && same(self.quantity, quantity) && same(self.limitPrice, limitPrice)
  }
}
