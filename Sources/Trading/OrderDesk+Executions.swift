// What the executions channel says of the orders, whoever placed them.

import JSONText
import MarketData

extension OrderDesk {
  /// One item of an executions update, as received.
  public mutating func executed(_ item: JSONValue, now: Moment) -> [DeskAction] {
    guard let report = ExecutionReport(item) else { return drain() }
    if let key = owner(of: report) { apply(report, to: key, now: now) }
    return drain()
  }

  /// The order that a report is about. A name counts only until the order's id is known: names can be used again.
  func owner(of report: ExecutionReport) -> OrderKey? {
    if let key = byOrderID[report.orderID] { return key }
    if let clientID = report.clientID, let key = byClientID[clientID], orders[key]?.orderID == nil { return key }
    if let userref = report.userref, let key = byUserref[userref], orders[key]?.orderID == nil { return key }
    return nil
  }

  mutating func apply(_ report: ExecutionReport, to key: OrderKey, now: Moment) {
    identify(key, orderID: report.orderID)
    if let fill = report.execID, orders[key]?.fills.insert(fill).inserted == false { return }
    orders[key]?.facts.take(report)
    orders[key]?.merge(report.fields)
    guard let (stage, isRemark) = report.meaning else { return }
    let stages = orders[key]?.progress.advance(to: stage, hasFills: report.hasFills, isRemark: isRemark) ?? []
    for (index, stage) in stages.enumerated() {
      let isNews = index == stages.count - 1
      tell(stage, of: key, isNews ? report.fields : [], time: isNews ? report.time : nil)
    }
    noteIfOver(key, now: now)
  }
}
