// Kraken's answers to trading requests. They may come late, twice, after the execution reports, or never.

import BridgeWire
import JSONText
import KrakenWire
import MarketData

extension OrderDesk {
  /// One answer of Kraken's to a trading method.
  public mutating func answered(_ root: JSONValue, now: Moment) -> [DeskAction] {
    noteClock(root, now: now)
    guard let number = root["req_id"]?.uint64, let request = requests[number] else {
      log(.debug, "an answer to nothing that was asked, or a second one")
      return drain()
    }
    requests[number] = nil
    let isSuccess = root["success"]?.bool == true
    let error = root["error"]?.string ?? "Kraken refused without a reason"
    if !isSuccess { note(error, of: request, now: now) }
    switch request.purpose {
    case .add(let keys):
      if isSuccess { accept(keys, root, request, now: now) } else { reject(keys, error, request, now: now) }
    case .edit(let key):
      pass(root, isSuccess, error, to: request, now: now)
      endEdit(key, newID: isSuccess ? root["result"]?["order_id"]?.string : nil, now: now)
    case .cancel(let left, let isOpenEnded, _):
      pass(root, isSuccess, error, to: request, now: now)
      // What is wrong with the request and not with one order is said once.
      let isWhole = !isSuccess && !error.hasPrefix("EOrder:")
      guard !isWhole, left > 1 || isOpenEnded else { break }
      requests[number] = request
      requests[number]?.purpose = .cancel(left: max(left - 1, 0), isOpenEnded: isOpenEnded, isAnswered: true)
    case .switchTimer:
      pass(root, isSuccess, error, to: request, now: now)
      if !isSuccess, let holder = request.holder { deadMansSwitch.undo(holder) }
    case .plain: pass(root, isSuccess, error, to: request, now: now)
    case .ownCancel(let keys):
      // Whatever was wrong, the orders are looked at again in a moment.
      if !isSuccess {
        log(.warning, "Kraken refused to cancel orders of a connection that has gone: \(error)")
        for key in keys { beginSearch(key, at: now.monotonic) }
      }
    case .ownSwitchTimer:
      if !isSuccess { log(.error, "Kraken refused to renew the dead man's switch: \(error)") }
    }
    searchOn(now: now)
    return drain()
  }

  /// Any answer of Kraken's tells what time it is there.
  public mutating func noteClock(_ root: JSONValue, now: Moment) {
    guard let time = root["time_out"].flatMap({ KrakenTime.nanoseconds($0.contents) }) else { return }
    clockOffset = time - now.monotonic
  }

  /// What a refusal says beyond the one request.
  private mutating func note(_ error: String, of request: PendingRequest, now: Moment) {
    if KrakenErrorClass(error) == .renewToken { outbox.append(.renewToken) }
    if error.hasPrefix("EOrder:Rate limit"), let symbol = request.symbol {
      rates.raise(symbol, to: Int64(rates.ceilingInUse), now: now.monotonic)
    }
  }

  /// Kraken's answer as it is, in the bridge's envelope.
  private mutating func pass(
    _ root: JSONValue, _ isSuccess: Bool, _ error: String, to request: PendingRequest, now: Moment
  ) {
    guard isSuccess else {
      let isRate = error.contains("Rate limit") || error.contains("rate limit") || error.contains("msg rate")
      return refuse(request, isRate ? .rateLimited : .upstreamRefused, error, now: now)
    }
    answer(request, now: now) { json in
      if let result = root["result"] { return json.append(bytes: result.text) }
      // Seen of batch_cancel: the count at the top level and no result.
      json.append("{")
      if let count = root["orders_cancelled"] { json.append(Field("count", count)) }
      json.append("}")
    }
  }
}

// MARK: - New orders

extension OrderDesk {
  private mutating func accept(_ keys: [OrderKey], _ root: JSONValue, _ request: PendingRequest, now: Moment) {
    pass(root, true, "", to: request, now: now)
    guard let result = root["result"] else { return }
    // A batch is answered with an array, or with an object that has one; in it orders may have failed alone.
    let items = result.kind == .array ? Array(result.elements) : result["orders"].map { Array($0.elements) } ?? [result]
    for (index, key) in keys.enumerated() {
      guard index < items.count else {
        lose(key, "Kraken's answer does not tell of this order", now: now)
        continue
      }
      let item = items[index]
      if item["success"]?.bool == false {
        reject(key, item["error"]?.string ?? "Kraken refused without a reason", now: now)
      } else {
        accept(key, item, now: now)
      }
    }
  }

  private mutating func accept(_ key: OrderKey, _ item: JSONValue, now: Moment) {
    guard let order = orders[key] else { return }
    var early: [ExecutionReport] = []
    if let orderID = item["order_id"]?.string, !orderID.isEmpty, order.edit == nil, !order.isEdited {
      early = unclaimed.claim(orderID)
      identify(key, orderID: orderID, now: now)
    }
    orders[key]?.epoch = epoch
    let stages = orders[key]?.progress.advance(to: .accepted) ?? []
    for stage in stages { tell(stage, of: key, stage == .accepted ? Self.warnings(item) : []) }
    endSearch(key)
    for report in early { apply(report, to: key, now: now) }
    searchMissedReports(key, now: now)
  }

  private static func warnings(_ item: JSONValue) -> [Field] { item["warnings"].map { [Field("warnings", $0)] } ?? [] }

  private mutating func reject(_ keys: [OrderKey], _ error: String, _ request: PendingRequest, now: Moment) {
    let isRate = error.contains("Rate limit") || error.contains("rate limit") || error.contains("msg rate")
    refuse(request, isRate ? .rateLimited : .upstreamRefused, error, now: now)
    for key in keys { reject(key, error, now: now) }
  }

  private mutating func reject(_ key: OrderKey, _ error: String, now: Moment) {
    for stage in orders[key]?.progress.advance(to: .rejected) ?? [] {
      tell(stage, of: key, [Field("reason", quoted: error)])
    }
    orders[key]?.merge([Field("reason", quoted: error)])
    noteIfOver(key, now: now)
  }
}

// MARK: - Edits

extension OrderDesk {
  /// - Parameter newID: nil if the edit failed.
  mutating func endEdit(_ key: OrderKey, newID: String?, now: Moment) {
    guard let edit = orders[key]?.edit else { return }
    if let newID, !newID.isEmpty { return moveOrder(key, from: edit.orderID, to: newID, now: now) }
    guard edit.count <= 1 else {
      orders[key]?.edit?.count -= 1
      return
    }
    orders[key]?.edit = nil
    endClaim(key)
    if let end = edit.heldEnd { apply(end, to: key, now: now) }
    searchMissedReports(key, now: now)
  }

  /// The order goes on under another id; the end of the old one was none of its.
  mutating func moveOrder(_ key: OrderKey, from old: String, to newID: String, now: Moment) {
    orders[key]?.edit = nil
    orders[key]?.isEdited = true
    orders[key]?.epoch = epoch
    orders[key]?.facts.placedAt = now.monotonic
    let reports = unclaimed.claim(newID)
    identify(key, orderID: newID, now: now)
    guard let order = orders[key] else { return }
    // An edit that is told after the order's new id has been heard of is no news of the stage.
    for stage in orders[key]?.progress.advance(to: order.progress.reached, isRemark: true) ?? [] {
      tell(stage, of: key, [Field("original_order_id", quoted: old)])
    }
    endSearch(key)
    for report in reports { apply(report, to: key, now: now) }
    searchMissedReports(key, now: now)
  }
}
