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

  /// Whether a report that bears the order's name can be of it. The order that closes a filled one bears its
  /// `order_userref`, on the other side; and a name may have been another order's before.
  func agree(with report: ExecutionReport) -> Bool {
    if let isBuy, let reported = report.isBuy, isBuy != reported { return false }
    if let symbol, let reported = report.symbol, symbol.uppercased() != reported.uppercased() { return false }
    return true
  }

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
  /// The connection to Kraken, counted, on which it was sent or last heard of.
  var epoch: Int
  /// Its `order_userref` is of the desk's making, so that no other order bears it.
  var hasOwnUserref = false
  /// How long after `sentAt` the order may still reach Kraken's books.
  var patience: Duration
  var cancelsOnDisconnect = false
  /// The bridge is to cancel it as soon as it can; how often it has tried.
  var isCancelWanted = false
  var cancelAttempts = 0
  /// Ids of fills that were told.
  var fills: Set<String> = []
  /// Everything Kraken has said of it, the latest of each field.
  var record: [Field] = []
  /// An edit is under way, which ends this order's id without ending the order.
  var edit: PendingEdit?
  /// It has another id than the one it was placed with.
  var isEdited = false
  var search: OrderSearch?
  /// Kraken may have told of it, and not to us, while its id was not known.
  var mayHaveMissedReports = false

  var isLive: Bool { !progress.isOver }
  /// Only Kraken's answer can say which id is this order's: its reports bear no name of its own.
  var isNameless: Bool { orderID == nil && facts.clientID == nil && !hasOwnUserref }

  /// Whether the answer that tells its id, or the id that an edit gives it, is still to come over this connection.
  func isAwaitingID(epoch: Int) -> Bool {
    if let edit { return !edit.isUncertain }
    return orderID == nil && self.epoch == epoch && !progress.isUnknown
  }

  /// - Returns: whether any of the fields is other than what was known.
  @discardableResult
  mutating func merge(_ fields: [Field]) -> Bool {
    var isNews = false
    for field in fields {
      if let index = record.firstIndex(where: { $0.name == field.name }) {
        if record[index].value != field.value { isNews = true }
        record[index].value = field.value
      } else {
        record.append(field)
        isNews = true
      }
    }
    return isNews
  }

  /// Whether a snapshot's item says anything that the record does not.
  func isNews(_ report: ExecutionReport) -> Bool {
    let telling = ["order_status", "cum_qty", "order_qty", "limit_price"]
    return report.fields.contains { field in
      telling.contains(field.name) && record.first { $0.name == field.name }.map { $0.value != field.value } ?? false
    }
  }
}

/// An edit of an order, from sending it until Kraken's answer.
struct PendingEdit: Sendable, Equatable {
  /// The order's id before the edit.
  var orderID: String
  /// Requests on their way.
  var count = 1
  /// The end of that id, which is the end of the order only if the edit failed.
  var heldEnd: ExecutionReport?
  /// No answer has come in time, or none can come.
  var isUncertain = false
}

// MARK: - Lines

extension TrackedOrder {
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
    if let userref = facts.userref { json.member("order_userref", userref) }
    for field in fields { json.append(field) }
    json.append("}")
  }
}

extension JSONBytes {
  /// Adds text that needs no escaping.
  mutating func append(text: some StringProtocol) {
    for byte in text.utf8 { append(byte) }
  }

  /// A member, with a comma if anything stands before it.
  mutating func append(_ field: Field) {
    if needsComma { append(",") }
    append(quoted: field.name)
    append(":")
    field.value.withUnsafeBytes { append(bytes: $0) }
  }

  private mutating func key(_ name: StaticString) {
    append(",\"")
    append(name)
    append("\":")
  }

  mutating func member(_ name: StaticString, quoted value: some StringProtocol) {
    key(name)
    append(quoted: value)
  }

  mutating func member(_ name: StaticString, _ value: some FixedWidthInteger) {
    key(name)
    append(value)
  }
}
