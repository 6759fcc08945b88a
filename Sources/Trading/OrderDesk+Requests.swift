// What clients ask for: read, judged by the guards, and only then sent. Whatever is refused here was not sent.

import BridgeWire
import JSONText
import KrakenWire
import MarketData

/// One request and its circumstances.
struct IncomingRequest {
  var head: AnswerHead
  var parameters: RequestParameters
  var holder: HolderID
  var token: Secret
  var now: Moment
}

extension OrderDesk {
  /// One trading request.
  ///
  /// - Parameters:
  ///   - params: nil if absent.
  ///   - price: what a pair trades at now, for guards on orders without a price of their own; nil if not known.
  /// - Throws: `RequestFault` for everything refused here; nothing was sent then.
  public mutating func request(
    _ head: AnswerHead, params: JSONValue?, from holder: HolderID, now: Moment,
    price: (_ symbol: String, _ isBuy: Bool) -> NumberText?
  ) throws(RequestFault) -> [DeskAction] {
    do throws(RequestFault) {
      guard configuration.isEnabled else {
        throw RequestFault(.notPermitted, "trading is off: set trading.enabled in the configuration")
      }
      let parameters = try RequestParameters(params)
      guard let token else {
        throw RequestFault(.upstreamOffline, "Kraken's private connection is down; nothing was sent")
      }
      holders[holder] = holders[holder] ?? Holder()
      let request = IncomingRequest(head: head, parameters: parameters, holder: holder, token: token, now: now)
      switch head.method {
      case "add_order": try addOrder(request, price)
      case "batch_add": try addBatch(request, price)
      case "amend_order": try amendOrder(request, price)
      case "edit_order": try editOrder(request, price)
      case "cancel_order": try cancelOrders(request)
      case "batch_cancel": try cancelBatch(request)
      case "cancel_all": pass(request, .plain)
      case "cancel_all_orders_after": try setSwitch(request)
      default: throw RequestFault(.unknownMethod, "unknown trading method '\(head.method)'")
      }
    } catch {
      var fault = error
      fault.method = head.method
      fault.requestID = head.requestID
      throw fault
    }
    return drain()
  }

  /// Sends a request as it came, but for what is meant for the bridge alone.
  mutating func pass(
    _ request: IncomingRequest, _ purpose: PendingRequest.Purpose, symbol: String? = nil, forced: [Field] = []
  ) {
    var json = JSONBytes(reserving: 256)
    var omitted = Set(forced.map(\.name)).union(["token"])
    if let symbol {
      omitted.insert("symbol")
      json.append("\"symbol\":")
      json.append(quoted: symbol)
    }
    request.parameters.write(without: omitted, into: &json)
    for field in forced { json.append(field) }
    let pending = PendingRequest(purpose: purpose, holder: request.holder, head: request.head, symbol: symbol)
    send(json, pending, token: request.token, now: request.now)
  }
}

// MARK: - New orders

extension OrderDesk {
  private mutating func addOrder(
    _ request: IncomingRequest, _ price: TradingConfiguration.PriceSource
  ) throws(RequestFault) {
    let isCheck = try isCheckOnly(request)
    let draft = try OrderDraft(request.parameters, symbol: nil, names: &names)
    try check([draft], cost: RateCost.add, isCheck: isCheck, now: request.now, price)
    var json = JSONBytes(reserving: draft.encoded.count + 64)
    json.append("\"symbol\":")
    json.append(quoted: draft.symbol)
    json.append(",")
    draft.encoded.withUnsafeBytes { json.append(bytes: $0) }
    submit([draft], json, request, cost: RateCost.add, isCheck: isCheck)
  }

  private mutating func addBatch(
    _ request: IncomingRequest, _ price: TradingConfiguration.PriceSource
  ) throws(RequestFault) {
    let isCheck = try isCheckOnly(request)
    let symbol = Spelling.currentPair(try request.parameters.required("symbol", "one pair for all orders"))
    guard let list = request.parameters["orders"], list.kind == .array, list.count > 0 else {
      throw RequestFault(.badParameter, "orders is missing: an array of orders", symbol: symbol)
    }
    let cancelsAll = try request.parameters.bool("cancel_on_disconnect")
    var drafts: [OrderDraft] = []
    for element in list.elements {
      let parameters = try RequestParameters(element)
      for name in ["symbol", "validate"] where parameters.has(name) {
        throw RequestFault(.badParameter, "\(name) stands beside the orders of a batch, not in them", symbol: symbol)
      }
      var draft = try OrderDraft(parameters, symbol: symbol, names: &names)
      if cancelsAll { draft.cancelsOnDisconnect = true }
      if request.parameters.has("deadline") { draft.patience = .seconds(70) }
      drafts.append(draft)
    }
    let cost = RateCost.batchAdd(drafts.count)
    try check(drafts, cost: cost, isCheck: isCheck, now: request.now, price)
    var json = JSONBytes(reserving: 1024)
    json.append("\"symbol\":")
    json.append(quoted: symbol)
    request.parameters.write(without: OrderDraft.omitted.union(["orders"]), into: &json)
    json.append(",\"orders\":[")
    for draft in drafts {
      json.append(json.needsComma ? ",{" : "{")
      draft.encoded.withUnsafeBytes { json.append(bytes: $0) }
      json.append("}")
    }
    json.append("]")
    submit(drafts, json, request, cost: cost, isCheck: isCheck)
  }

  private func isCheckOnly(_ request: IncomingRequest) throws(RequestFault) -> Bool {
    try request.parameters.bool("validate") || configuration.validateOnly
  }

  /// - Parameter cost: of the whole request at Kraken's rate counter.
  private mutating func check(
    _ drafts: [OrderDraft], cost: Int64, isCheck: Bool, now: Moment, _ price: TradingConfiguration.PriceSource
  ) throws(RequestFault) {
    var batch: Set<String> = []
    for draft in drafts {
      try configuration.check(draft, price: price)
      // Kraken refuses this too, but by then reports of the one could be taken for the other's.
      if let name = draft.clientID {
        let isTaken = byClientID[name].flatMap { orders[$0]?.isLive } ?? false
        guard !isTaken, batch.insert(name).inserted else {
          throw RequestFault(
            .badParameter, "cl_ord_id \(name) belongs to an order that is not over", symbol: draft.symbol)
        }
      }
    }
    guard !isCheck else { return }
    if let max = configuration.ordersPerMinute, !pace.hasRoom(for: drafts.count, max: max, now: now.monotonic) {
      throw RequestFault(.rateLimited, "orders-per-minute is \(max)", symbol: drafts[0].symbol)
    }
    try checkRate(cost, drafts[0].symbol, now: now)
  }

  mutating func checkRate(_ cost: Int64, _ symbol: String?, now: Moment) throws(RequestFault) {
    guard configuration.refusesOverRate, let symbol, !rates.hasRoom(for: cost, of: symbol, now: now.monotonic) else {
      return
    }
    throw RequestFault(
      .rateLimited, "it would exceed Kraken's rate counter of \(symbol), ceiling \(rates.ceilingInUse)", symbol: symbol)
  }

  /// Orders that Kraken only checks have no stages: nothing is placed.
  private mutating func submit(
    _ drafts: [OrderDraft], _ parameters: JSONBytes, _ request: IncomingRequest, cost: Int64, isCheck: Bool
  ) {
    let (now, symbol) = (request.now, drafts[0].symbol)
    var parameters = parameters
    if isCheck || request.parameters.has("validate") { parameters.append(Field("validate", text: "\(isCheck)")) }
    var pending = PendingRequest(purpose: .plain, holder: request.holder, head: request.head, symbol: symbol)
    guard !isCheck else { return send(parameters, pending, token: request.token, now: now) }
    holders[request.holder]?.hasPlacedOrders = true
    updateOwnHold()
    renewSwitch(now: now)
    rates.add(cost, to: symbol, now: now.monotonic)
    pace.add(drafts.count, now: now.monotonic)
    let keys = drafts.map { place($0, requestID: request.head.requestID, from: request.holder, now: now) }
    pending.purpose = .add(keys)
    send(parameters, pending, token: request.token, now: now)
    for key in keys { tell(.submitted, of: key) }
  }
}
