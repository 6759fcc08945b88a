// What the executions channel says of the orders, whoever placed them.

import JSONText
import MarketData

extension OrderDesk {
  /// One item of an executions update, as received.
  public mutating func executed(_ item: JSONValue, now: Moment) -> [DeskAction] {
    guard let report = ExecutionReport(item) else { return drain() }
    // What is reported has just happened: that is as good as an answer, as long as there was none.
    if clockOffset == nil, let time = report.time.flatMap({ KrakenTime.nanoseconds($0.dropFirst().dropLast()) }) {
      clockOffset = time - now.monotonic
    }
    let owner = owner(of: report)
    // Where entries name their users, the counters of other users are none of ours.
    if let count = report.rateCount, !report.namesUser || owner != nil,
      let symbol = report.symbol ?? facts(orderID: report.orderID, clientID: nil)?.symbol
    {
      rates.raise(symbol, to: count, now: now.monotonic)
    }
    if let key = owner {
      orders[key]?.epoch = epoch
      apply(report, to: key, now: now)
    } else {
      if !claimants.isEmpty { unclaimed.add(report) }
      noteForeign(report, now: now)
    }
    searchOn(now: now)
    return drain()
  }

  /// The order that a report is about. A name counts only until the order's id is known, since names can be used again.
  func owner(of report: ExecutionReport) -> OrderKey? {
    if let key = byOrderID[report.orderID] { return key }
    guard foreign[report.orderID] == nil else { return nil }
    let named = report.clientID.flatMap { byClientID[$0] } ?? report.userref.flatMap { byUserref[$0] }
    guard let key = named, let order = orders[key], order.orderID == nil, isPlausible(report, order),
      order.facts.agree(with: report)
    else { return nil }
    return key
  }

  /// Whether a report can be of an order of this name: nothing happens to an order before it is sent. Judged by
  /// Kraken's clock as far as it is known.
  func isPlausible(_ report: ExecutionReport, _ order: TrackedOrder) -> Bool {
    guard let time = report.time.flatMap({ KrakenTime.nanoseconds($0.dropFirst().dropLast()) }) else { return true }
    return time >= earliestTime(of: order)
  }

  /// By Kraken's clock as far as it is known; nothing has happened to the order before.
  func earliestTime(of order: TrackedOrder) -> Int64 {
    (clockOffset.map { order.sentAt.monotonic + $0 } ?? order.sentAt.wall) - Self.clockTolerance.nanoseconds
  }

  static let clockTolerance: Duration = .seconds(5)

  mutating func apply(_ report: ExecutionReport, to key: OrderKey, now: Moment) {
    if orders[key]?.orderID == nil { identify(key, orderID: report.orderID, now: now) }
    guard let order = orders[key] else { return }
    if let fill = report.execID, orders[key]?.fills.insert(fill).inserted == false { return }
    guard let (stage, isWorthTelling) = report.meaning else { return }
    // Nothing comes before it.
    if stage == .pending { orders[key]?.mayHaveMissedReports = false }
    if let edit = order.edit, stage == .canceled, report.orderID == edit.orderID { return hold(report, key, now: now) }
    orders[key]?.facts.take(report)
    orders[key]?.merge(report.fields)
    let isRemark = isWorthTelling || (order.isEdited && report.execType == "pending_new")
    advance(key, to: stage, report, isRemark: isRemark, now: now)
  }

  mutating func advance(_ key: OrderKey, to stage: OrderStage, _ report: ExecutionReport, isRemark: Bool, now: Moment) {
    guard let before = orders[key]?.progress else { return }
    let stages = orders[key]?.progress.advance(to: stage, hasFills: report.hasFills, isRemark: isRemark) ?? []
    if before.isOver, before.reached == .rejected, !stages.isEmpty {
      log(.error, "order \(report.orderID) was taken for rejected and is \(stage.rawValue)")
    }
    for (index, stage) in stages.enumerated() {
      let isNews = index == stages.count - 1
      tell(stage, of: key, isNews ? report.fields : [], time: isNews ? report.time : nil)
    }
    if orders[key]?.progress.isUnknown == false { endSearch(key) }
    if !before.isOver { noteIfOver(key, now: now) }
  }

  /// An order's id has ended while an edit of it is under way: its answer tells whether the order has ended too.
  private mutating func hold(_ report: ExecutionReport, _ key: OrderKey, now: Moment) {
    orders[key]?.edit?.heldEnd = report
    if orders[key]?.edit?.isUncertain == true { beginSearch(key, at: now.monotonic) }
  }

  /// Open orders of other programs: guards and rate counters need to know them when they are changed through here.
  private mutating func noteForeign(_ report: ExecutionReport, now: Moment) {
    guard let (stage, _) = report.meaning, !stage.isFinal else {
      foreign[report.orderID] = nil
      return
    }
    let isNew = foreign[report.orderID] == nil
    guard !isNew || foreign.count < Self.foreignMax else { return }
    foreign[report.orderID, default: OrderFacts()].take(report)
    if isNew, stage == .pending || stage == .open { foreign[report.orderID]?.placedAt = now.monotonic }
  }
}
