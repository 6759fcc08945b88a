// One item of the executions channel, kept beyond its message. Items are sparse: what is absent has not changed.

import JSONText
import MarketData

/// One member of an object as it stood in Kraken's message.
struct Field: Sendable, Equatable {
  var name: String
  /// JSON text.
  var value: [UInt8]

  init(_ name: String, _ value: JSONValue) {
    self.name = name
    self.value = Array(value.text)
  }

  init(_ name: String, text: String) {
    self.name = name
    value = Array(text.utf8)
  }

  init(_ name: String, quoted text: String) {
    self.name = name
    var json = JSONBytes(reserving: text.utf8.count + 2)
    json.append(quoted: text)
    value = json.bytes
  }
}

struct ExecutionReport: Sendable, Equatable {
  var orderID: String
  var clientID: String?
  var userref: Int64?
  var symbol: String?
  var isBuy: Bool?
  var orderType: String?
  var orderQty: NumberText?
  var limitPrice: NumberText?
  var cumQty: NumberText?
  var execType: String?
  var orderStatus: String?
  /// Names a fill.
  var execID: String?
  /// The order that this one was made from.
  var parentID: String?
  var rateCount: Int64?
  /// Says whose order it is, as it does where several users are followed.
  var namesUser = false
  /// JSON text with its quotes.
  var time: [UInt8]?
  /// Everything but identity, symbol and time, as received.
  var fields: [Field] = []

  /// Nil without an order id, which every item has.
  init?(_ item: JSONValue) {
    orderID = ""
    for (key, value) in item.members {
      guard let name = key.string else { continue }
      switch name {
      case "order_id": orderID = value.string ?? ""
      case "cl_ord_id": clientID = value.string
      case "order_userref": userref = value.int64
      case "symbol": symbol = value.string
      case "timestamp": time = value.kind == .string ? Array(value.text) : nil
      default:
        take(name, value)
        fields.append(Field(name, value))
      }
    }
    if clientID == "" { clientID = nil }
    guard !orderID.isEmpty else { return nil }
  }

  private mutating func take(_ name: String, _ value: JSONValue) {
    switch name {
    case "side": isBuy = value.equals("buy") ? true : value.equals("sell") ? false : nil
    case "order_type": orderType = value.string
    case "order_qty": orderQty = NumberText(value.text)
    case "limit_price": limitPrice = NumberText(value.text)
    case "cum_qty": cumQty = NumberText(value.text)
    case "exec_type": execType = value.string
    case "order_status": orderStatus = value.string
    case "exec_id": execID = value.string
    case "ord_ref_id": parentID = value.string
    case "user": namesUser = true
    case "ratecount": rateCount = NumberText(value.text).flatMap { Int64($0.description.prefix { $0 != "." }) }
    default: break
    }
  }

  var isFill: Bool { execType == "trade" }
  var hasFills: Bool { isFill || (cumQty.map { !$0.isZero } ?? false) }

  /// Where the order is according to this report, and whether the report is worth telling for itself.
  var meaning: (stage: OrderStage, isRemark: Bool)? {
    switch execType {
    case "pending_new": (.pending, false)
    case "new": (.open, false)
    case "trade": (orderStatus == "filled" ? .filled : .partiallyFilled, true)
    case "filled": (.filled, false)
    case "canceled": (.canceled, false)
    case "expired": (.expired, false)
    case "amended", "restated", "status", "iceberg_refill": (status ?? .pending, true)
    default: status.map { ($0, true) }
    }
  }

  /// The stage that `order_status` names.
  var status: OrderStage? {
    switch orderStatus {
    case "pending_new": .pending
    case "new": .open
    case "partially_filled": .partiallyFilled
    case "filled": .filled
    case "canceled": .canceled
    case "expired": .expired
    case "rejected": .rejected
    default: nil
    }
  }
}
