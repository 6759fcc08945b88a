// What a snapshot of the executions tells of the orders: which are open, which fills were missed, and, by its silence,
// which have to be looked up.

import JSONText
import MarketData

extension OrderDesk {
  /// The whole of an executions snapshot: open orders, and the latest fills if they were asked for.
  public mutating func snapshotTaken(_ items: some Sequence<JSONValue>, now: Moment) -> [DeskAction] {
    let reports = items.compactMap { ExecutionReport($0) }
    // Kraken lists fills with the latest first.
    let fills = reports.filter(\.isFill).enumerated().sorted {
      let (a, b) = ($0.element.time ?? [], $1.element.time ?? [])
      return a == b ? $0.offset > $1.offset : a.lexicographicallyPrecedes(b)
    }.map(\.element)
    let known = foreign
    foreign = [:]
    claimEdited(reports, now: now)
    for (index, fill) in fills.enumerated() {
      takeFill(fill, isLast: !fills[(index + 1)...].contains { $0.orderID == fill.orderID }, now: now)
    }
    var seen: Set<OrderKey> = []
    for report in reports where report.isOpenOrder {
      if let key = owner(of: report) ?? lookalike(report) {
        seen.insert(key)
        takeOpen(report, key, now: now)
      } else if foreign.count < Self.foreignMax {
        var facts = known[report.orderID] ?? OrderFacts()
        facts.take(report)
        foreign[report.orderID] = facts
      }
    }
    lookUp(orders.keys.filter { !seen.contains($0) }, now: now)
    return drain()
  }

  /// The executions are complete from here on, and Kraken does not tell what was before.
  public mutating func beganWithoutSnapshot(now: Moment) -> [DeskAction] {
    foreign = [:]
    lookUp(Array(orders.keys), now: now)
    return drain()
  }

  /// What may have been missed of orders before the executions began has to be looked up, in each case with the order's
  /// id. An order whose answer is still to come over this connection gets its id with that: it may be over already, and
  /// then no report will follow.
  private mutating func lookUp(_ keys: [OrderKey], now: Moment) {
    for key in keys.sorted() {
      guard let order = orders[key], order.isLive else { continue }
      if order.isAwaitingID(epoch: epoch) {
        orders[key]?.mayHaveMissedReports = true
      } else {
        beginSearch(key, at: now.monotonic)
      }
    }
    searchOn(now: now)
  }

  /// The order's id has come: whatever it missed until then can be looked up.
  mutating func searchMissedReports(_ key: OrderKey, now: Moment) {
    guard orders[key]?.mayHaveMissedReports == true else { return }
    orders[key]?.mayHaveMissedReports = false
    beginSearch(key, at: now.monotonic)
  }

  private mutating func takeFill(_ report: ExecutionReport, isLast: Bool, now: Moment) {
    guard let key = owner(of: report), let order = orders[key] else { return }
    guard let fill = report.execID, !order.fills.contains(fill) else { return }
    var report = report
    // `order_status` is that of the order now, which is reached with its last fill.
    if !isLast { report.orderStatus = "partially_filled" }
    apply(report, to: key, now: now)
  }

  private mutating func takeOpen(_ report: ExecutionReport, _ key: OrderKey, now: Moment) {
    if let edit = orders[key]?.edit, edit.isUncertain, report.orderID == edit.orderID {
      // The edit has not taken place.
      orders[key]?.edit = nil
      endClaim(key)
    }
    identify(key, orderID: report.orderID, now: now)
    guard let stage = report.status ?? report.meaning?.stage, let order = orders[key] else { return }
    orders[key]?.epoch = epoch
    orders[key]?.facts.take(report)
    orders[key]?.merge(report.fields)
    advance(key, to: stage, report, isRemark: order.isNews(report), now: now)
    endSearch(key)
  }

  /// Orders that an edit has given new ids, its answer being lost.
  private mutating func claimEdited(_ reports: [ExecutionReport], now: Moment) {
    for report in reports where report.isOpenOrder && byOrderID[report.orderID] == nil {
      let named = report.clientID.flatMap { byClientID[$0] } ?? report.parentID.flatMap { byOrderID[$0] }
      guard let key = named, let order = orders[key], let edit = order.edit, edit.isUncertain,
        order.facts.agree(with: report)
      else { continue }
      moveOrder(key, from: edit.orderID, to: report.orderID, now: now)
    }
  }

  /// An order in doubt that bears nothing but its client's own `order_userref`, by everything else that is known of it.
  private func lookalike(_ report: ExecutionReport) -> OrderKey? {
    orders.keys.sorted().first { key in
      guard let order = orders[key] else { return false }
      return order.isNameless && order.progress.isUnknown && isLike(report, order)
    }
  }

  private func isLike(_ report: ExecutionReport, _ order: TrackedOrder) -> Bool {
    guard let userref = order.facts.userref, report.userref == userref, isPlausible(report, order) else { return false }
    return report.symbol?.uppercased() == order.facts.symbol?.uppercased()
      && order.facts.isLike(report.isBuy, report.orderQty, report.limitPrice)
  }

  /// The answer that would say which id is the order's does not come; perhaps its reports have.
  mutating func claimByLikeness(_ key: OrderKey, now: Moment) {
    guard let order = orders[key] else { return }
    let id = unclaimed.byOrderID.keys.sorted().first { id in
      unclaimed.byOrderID[id]?.first.map { isLike($0, order) } ?? false
    }
    guard let id else { return }
    for report in unclaimed.claim(id) { apply(report, to: key, now: now) }
  }
}

extension ExecutionReport {
  /// Whether a snapshot's item is of an order that is open, rather than of a fill.
  var isOpenOrder: Bool {
    guard let status = status ?? meaning?.stage, !status.isFinal else { return false }
    return !isFill || orderQty != nil
  }
}
