// Reading the answers of QueryOrders, OpenOrders and ClosedOrders.
//
//   {"error":[],"result":{"open":{"OUF4EM-…":{"refid":null,"userref":0,"cl_ord_id":"…","status":"open",
//    "opentm":1616666559.8974,"descr":{"type":"buy","ordertype":"limit","price":"27500.0",…},"vol":"1.25000000",
//    "vol_exec":"0.37500000","cost":"1.18","fee":"0.00","price":"27500.0",…}}}}

import JSONText
import MarketData

enum RESTOrders {
  /// The orders in an answer to this kind of query.
  ///
  /// - Returns: nil if the answer is not of the expected form.
  static func read(_ root: JSONValue, _ step: OrderSearch.Step) -> [RESTOrder]? {
    guard let result = root["result"], result.kind == .object else { return nil }
    let list =
      switch step {
      case .byID: result
      case .open: result["open"]
      case .closed: result["closed"]
      }
    guard let list, list.kind == .object else { return nil }
    return list.members.compactMap { RESTOrder($0.key.string ?? "", $0.value) }
  }

  /// The first error of an answer, or nil if it has none.
  static func error(_ root: JSONValue) -> String? {
    root["error"]?.elements.compactMap(\.string).first { $0.hasPrefix("E") }
  }
}

extension RESTOrder {
  init?(_ id: String, _ order: JSONValue) {
    guard !id.isEmpty, let status = order["status"]?.string else { return nil }
    self.id = id
    let filled = order["vol_exec"].flatMap { NumberText($0.contents) }
    let hasFills = filled.map { !$0.isZero } ?? false
    let statusText: String
    switch status {
    case "pending": (stage, statusText) = (.pending, "pending_new")
    case "open": (stage, statusText) = hasFills ? (.partiallyFilled, "partially_filled") : (.open, "new")
    case "closed": (stage, statusText) = (.filled, "filled")
    case "canceled": (stage, statusText) = (.canceled, "canceled")
    case "expired": (stage, statusText) = (.expired, "expired")
    default: return nil
    }
    clientID = order["cl_ord_id"]?.string
    userref = order["userref"]?.int64
    parentID = order["refid"]?.string
    openedAt = order["opentm"].flatMap { KrakenTime.nanoseconds(seconds: $0.contents) }
    quantity = order["vol"].flatMap { NumberText($0.contents) }
    let description = order["descr"]
    isBuy = description?["type"].map { $0.equals("buy") }
    limitPrice = description?["price"].flatMap { NumberText($0.contents) }
    fields = [Field("order_status", quoted: statusText)]
    for (theirs, ours) in [("vol_exec", "cum_qty"), ("cost", "cum_cost"), ("price", "avg_price")] {
      guard let value = order.members.first(where: { $0.key.string == theirs })?.value,
        NumberText(value.contents) != nil
      else { continue }
      fields.append(Field(ours, text: String(decoding: value.contents, as: UTF8.self)))
    }
    if let reason = order["reason"], reason.kind == .string { fields.append(Field("reason", reason)) }
  }
}
