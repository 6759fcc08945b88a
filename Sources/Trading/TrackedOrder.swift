// One order placed through the bridge: what it is called, what is known of it, who is told.

import JSONText
import MarketData

/// The desk's own number of an order; rises with every order.
typealias OrderKey = UInt64

/// What guards and rate counters need of an order, whoever placed it.
struct OrderFacts: Sendable, Equatable {
  var symbol: String?
  var isBuy: Bool?
  var quantity: NumberText?
  var limitPrice: NumberText?
  var clientID: String?
  var userref: Int64?
  /// Monotonic; nil for orders older than the bridge's knowledge of them.
  var placedAt: Int64?

  mutating func take(_ report: ExecutionReport) {
    symbol = report.symbol ?? symbol
    isBuy = report.isBuy ?? isBuy
    quantity = report.orderQty ?? quantity
    limitPrice = report.limitPrice ?? limitPrice
    clientID = report.clientID ?? clientID
    if let reported = report.userref, reported != 0 { userref = reported }
  }
}

struct TrackedOrder: Sendable {
  let holder: HolderID
  /// The client's `req_id` as JSON text.
  let requestID: String?
  let sentAt: Moment
  var facts: OrderFacts
  var orderID: String?
  var progress = OrderProgress()
  /// The connection to Kraken on which the latest certain news came, counted.
  var epoch: Int
  /// No other order bears this `order_userref`.
  var hasOwnUserref = false
  /// How long after `sentAt` the order may still reach Kraken's books.
  var patience: Duration = .seconds(10)
  var cancelsOnDisconnect = false
  /// The bridge is to cancel it; as soon as its id is known.
  var isCancelWanted = false
  /// Ids of fills that were told.
  var fills: Set<String> = []
  /// Everything Kraken has said of it, the latest of each field.
  var record: [Field] = []
  /// An edit is under way, which ends this order's id without ending the order.
  var edit: PendingEdit?

  var isLive: Bool { !progress.isOver }

  mutating func merge(_ fields: [Field]) {
    for field in fields {
      if let index = record.firstIndex(where: { $0.name == field.name }) {
        record[index].value = field.value
      } else {
        record.append(field)
      }
    }
  }

  /// The data object of an `orders` line.
  func data(_ stage: OrderStage, _ fields: [Field]) -> [UInt8] {
    var json = JSONBytes(reserving: 160 + fields.count * 24)
    write(stage, fields, symbol: nil, into: &json)
    return json.bytes
  }

  func write(_ stage: OrderStage, _ fields: [Field], symbol: String?, into json: inout JSONBytes) {
    json.append("{")
    if let requestID {
      json.append("\"req_id\":")
      json.append(text: requestID)
      json.append(",")
    }
    json.append("\"stage\":")
    json.append(quoted: stage.rawValue)
    if let symbol { json.member("symbol", quoted: symbol) }
    if let orderID { json.member("order_id", quoted: orderID) }
    if let clientID = facts.clientID { json.member("cl_ord_id", quoted: clientID) }
    if let userref = facts.userref {
      json.key("order_userref")
      json.append(userref)
    }
    for field in fields {
      json.append(",")
      json.append(quoted: field.name)
      json.append(":")
      field.value.withUnsafeBytes { json.append(bytes: $0) }
    }
    json.append("}")
  }
}

/// An edit of an order, from sending it until Kraken's answer.
struct PendingEdit: Sendable, Equatable {
  /// The order's id before the edit.
  var orderID: String
  /// The end of that id, which is the end of the order only if the edit failed.
  var heldEnd: ExecutionReport?
  /// The answer will not come.
  var isUncertain = false
}

extension JSONBytes {
  /// Adds text that needs no escaping.
  mutating func append(text: some StringProtocol) {
    for byte in text.utf8 { append(byte) }
  }

  mutating func key(_ name: StaticString) {
    append(",\"")
    append(name)
    append("\":")
  }

  mutating func member(_ name: StaticString, quoted value: some StringProtocol) {
    key(name)
    append(quoted: value)
  }
}
