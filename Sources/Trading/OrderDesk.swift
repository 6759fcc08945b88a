// Orders from several connections over one connection to Kraken, as a value: requests, answers and executions go in,
// actions come out.
//
// The rule above all others: what has been sent is never sent again, and what became of it is found out and told.
// An order therefore exists here, with a name Kraken will repeat, before its request leaves; Kraken's answer and its
// execution reports may then come in any order, twice or never. What remains in doubt after a time or a lost
// connection is told as "unknown" and looked up (OrderDesk+Reconciliation, OrderDesk+Search).

import BridgeWire
import JSONText
import KrakenWire
import MarketData

public struct OrderDesk: Sendable {
  public var configuration: TradingConfiguration
  /// Kraken's `maxratecount` of the executions acknowledgement, which tells the account's tier.
  public var rateCeiling: Int? {
    get { rates.ceiling }
    set { rates.ceiling = newValue }
  }

  /// Nil: the private upstream takes no orders.
  var token: Secret?
  /// Connections to Kraken so far.
  var epoch = 0
  /// Kraken's clock less our monotonic one, nanoseconds, from its latest answer: our wall clock may be wrong, or set.
  var clockOffset: Int64?

  var orders: [OrderKey: TrackedOrder] = [:]
  var byOrderID: [String: OrderKey] = [:]
  /// By `cl_ord_id`: the latest order of that name.
  var byClientID: [String: OrderKey] = [:]
  /// By `order_userref`, where that is one of the desk's own making.
  var byUserref: [Int64: OrderKey] = [:]
  /// Open orders that were not placed through this desk, by id.
  var foreign: [String: OrderFacts] = [:]
  /// Reports that no order has claimed, and the orders that may yet claim some.
  var unclaimed = UnclaimedReports()
  var claimants: Set<OrderKey> = []

  var requests: [UInt64: PendingRequest] = [:]
  var deadlines = Schedule<UInt64>()
  /// Until when late answers are understood.
  var lateDeadlines = Schedule<UInt64>()
  var holders: [HolderID: Holder] = [:]
  /// Orders that are over, to be forgotten after a while.
  var farewells = Schedule<OrderKey>()
  /// Orders whose cancellation is to be looked after.
  var cancelChecks = Schedule<OrderKey>()

  var searching: [OrderKey] = []
  var query: RESTQuery?
  var searchPace = SearchPace()

  var rates = RateCounters()
  var pace = OrderPace()
  var deadMansSwitch = DeadMansSwitch()
  var names: OrderNames
  var outbox: [DeskAction] = []
  var lastKey: OrderKey = 0
  var lastRequestNumber: UInt64 = 1 << 52

  /// - Parameter seed: for the names of orders that have none; must differ from run to run.
  public init(configuration: TradingConfiguration, seed: UInt64) {
    self.configuration = configuration
    names = OrderNames(seed: seed)
  }

  /// A connection and its orders.
  struct Holder: Sendable {
    /// In the order of placing.
    var orders: [OrderKey] = []
    /// Those that are over, in the order of their ends.
    var ended: [OrderKey] = []
    var hasPlacedOrders: Bool = false
  }

  static let endedKept: Duration = .seconds(60)
  static let endedKeptMax = 1000
  /// How long after the client was told "unknown" a late answer is still understood.
  static let lateAnswerKept: Duration = .seconds(600)
  static let foreignMax = 20_000
}

// MARK: - Connections

extension OrderDesk {
  /// The private upstream takes orders from now on; called again with a renewed token.
  public mutating func upstreamReady(token: Secret, now: Moment) -> [DeskAction] {
    let isToken = token.withUnsafeBytes { bytes in
      !bytes.isEmpty
        && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    }
    guard isToken else {
      log(.error, "what was given as a token is none: it is empty or has characters no token has")
      return drain()
    }
    if self.token == nil { epoch += 1 }
    self.token = token
    cancel(orders.keys.sorted().filter { orders[$0]?.isCancelWanted == true }, now: now)
    return deadlineReached(now: now)
  }

  /// The private upstream is gone, and with it every answer that was still to come.
  public mutating func upstreamLost(now: Moment) -> [DeskAction] {
    token = nil
    for number in requests.keys.sorted() {
      guard let request = requests.removeValue(forKey: number) else { continue }
      giveUp(request, "the connection to Kraken was lost", isLost: true, now: now)
    }
    deadlines = Schedule()
    lateDeadlines = Schedule()
    unclaimed.removeAll()
    return drain()
  }

  public mutating func connected(_ holder: HolderID, now: Moment) -> [DeskAction] {
    holders[holder] = holders[holder] ?? Holder()
    return drain()
  }

  /// A client has gone, which it may have meant or not: orders that are to go with it are cancelled. The others are
  /// followed to their ends, with nobody to tell.
  public mutating func gone(_ holder: HolderID, now: Moment) -> [DeskAction] {
    guard let left = holders.removeValue(forKey: holder) else { return drain() }
    deadMansSwitch.gone(holder)
    updateOwnHold()
    let wanted = left.orders.filter { orders[$0]?.isLive == true && orders[$0]?.cancelsOnDisconnect == true }
    for key in wanted { orders[key]?.isCancelWanted = true }
    cancel(wanted, now: now)
    return drain()
  }
}

// MARK: - Orders

extension OrderDesk {
  mutating func place(_ draft: OrderDraft, requestID: String?, from holder: HolderID, now: Moment) -> OrderKey {
    lastKey += 1
    let facts = OrderFacts(
      symbol: draft.symbol, isBuy: draft.isBuy, quantity: draft.quantity, limitPrice: draft.limitPrice,
      clientID: draft.clientID, userref: draft.userref, placedAt: now.monotonic)
    var order = TrackedOrder(
      holder: holder, requestID: requestID, sentAt: now, facts: facts, epoch: epoch, patience: draft.patience)
    order.cancelsOnDisconnect = draft.cancelsOnDisconnect
    order.hasOwnUserref = draft.hasOwnUserref
    orders[lastKey] = order
    if let clientID = draft.clientID { byClientID[clientID] = lastKey }
    if draft.hasOwnUserref, let userref = draft.userref { byUserref[userref] = lastKey }
    if order.isNameless { claimants.insert(lastKey) }
    holders[holder]?.orders.append(lastKey)
    return lastKey
  }

  /// The order's id is known, or is another one since an edit.
  mutating func identify(_ key: OrderKey, orderID: String, now: Moment) {
    guard orders[key]?.orderID != orderID else { return }
    if let old = orders[key]?.orderID { byOrderID[old] = nil }
    orders[key]?.orderID = orderID
    byOrderID[orderID] = key
    foreign[orderID] = nil
    if orders[key]?.edit == nil { endClaim(key) }
    cancel([key], now: now)
  }

  mutating func endClaim(_ key: OrderKey) {
    if claimants.remove(key) != nil, claimants.isEmpty { unclaimed.removeAll() }
  }

  /// Books the end of an order that has come to a final stage. Called after every change of stage.
  mutating func noteIfOver(_ key: OrderKey, now: Moment) {
    guard let order = orders[key], !order.isLive else { return }
    endSearch(key)
    endClaim(key)
    orders[key]?.isCancelWanted = false
    farewells.add(key, at: now.monotonic + Self.endedKept.nanoseconds)
    holders[order.holder]?.ended.append(key)
    if let ended = holders[order.holder]?.ended, ended.count > Self.endedKeptMax { forget(ended[0]) }
  }

  mutating func forget(_ key: OrderKey) {
    guard let order = orders[key], !order.isLive else { return }
    orders[key] = nil
    if let id = order.orderID, byOrderID[id] == key { byOrderID[id] = nil }
    if let id = order.facts.clientID, byClientID[id] == key { byClientID[id] = nil }
    if let userref = order.facts.userref, byUserref[userref] == key { byUserref[userref] = nil }
    holders[order.holder]?.orders.removeAll { $0 == key }
    holders[order.holder]?.ended.removeAll { $0 == key }
  }
}

// MARK: - Sending and telling

extension OrderDesk {
  /// Files the request, then sends it: nobody can answer it before it is known.
  ///
  /// - Parameter parameters: members without the token, commas between them.
  mutating func send(_ parameters: JSONBytes, _ request: PendingRequest, token: Secret, now: Moment) {
    lastRequestNumber += 1
    requests[lastRequestNumber] = request
    deadlines.add(lastRequestNumber, at: now.monotonic + configuration.answerDeadline.nanoseconds)
    var json = JSONBytes(reserving: parameters.count + 192)
    json.append("{\"method\":")
    json.append(quoted: request.head.method)
    json.append(",\"params\":{")
    parameters.withUnsafeBytes { json.append(bytes: $0) }
    json.append(parameters.count == 0 ? "\"token\":\"" : ",\"token\":\"")
    token.withUnsafeBytes { json.append(bytes: $0) }
    json.append("\"},\"req_id\":")
    json.append(lastRequestNumber)
    json.append("}")
    outbox.append(.send(json.bytes))
  }

  /// One stage of an order to its owner, if he is still there.
  mutating func tell(_ stage: OrderStage, of key: OrderKey, _ fields: [Field] = [], time: [UInt8]? = nil) {
    guard let order = orders[key], holders[order.holder] != nil else { return }
    outbox.append(.stage(order.holder, symbol: order.facts.symbol, time: time, data: order.data(stage, fields)))
  }

  mutating func answer(_ request: PendingRequest, now: Moment, _ result: (inout JSONBytes) -> Void) {
    guard let holder = request.holder, !request.isTold, holders[holder] != nil else { return }
    var line = JSONBytes(reserving: 256)
    Answer.result(&line, request.head, timeOut: now.wall, result)
    outbox.append(.answer(holder, line.bytes))
  }

  mutating func refuse(_ request: PendingRequest, _ code: FaultCode, _ message: String, now: Moment) {
    guard let holder = request.holder, !request.isTold, holders[holder] != nil else { return }
    let fault = RequestFault(
      code, message, method: request.head.method, symbol: request.symbol, requestID: request.head.requestID)
    var line = JSONBytes(reserving: 256)
    Answer.failure(&line, fault, timeIn: request.head.timeIn, timeOut: now.wall)
    outbox.append(.answer(holder, line.bytes))
  }

  mutating func log(_ level: DeskLogEvent.Level, _ message: String) {
    outbox.append(.log(DeskLogEvent(level, message)))
  }

  mutating func drain() -> [DeskAction] {
    defer { outbox = [] }
    return outbox
  }
}
