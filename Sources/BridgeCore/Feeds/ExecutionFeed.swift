// What is known of the account's orders: one merged record for each open order, and the last fills.
//
// Kraken's events are sparse: each tells what changed. The merged record is what a late joiner's snapshot is made of,
// what `open_orders` shows, and what supplies the symbol that most events leave out.

import BridgeWire
import JSONText
import KrakenWire

final class ExecutionFeed: Feed {
  /// An order's fields, in the order in which they were first seen, each as Kraken wrote it.
  struct Record {
    fileprivate(set) var members: [(key: [UInt8], value: [UInt8])] = []
    /// Its last event has come; further ones may repeat that.
    var isEnded = false

    fileprivate mutating func set(_ key: JSONValue, _ value: JSONValue) {
      let name = Array(key.text)
      if let index = members.firstIndex(where: { $0.key == name }) {
        members[index].value = Array(value.text)
      } else {
        members.append((name, Array(value.text)))
      }
    }

    fileprivate subscript(name: StaticString) -> [UInt8]? {
      members.first { $0.key.isQuoted(name) }?.value
    }
  }

  /// Kraken's snapshot carries the last 50 fills, so ours does too.
  private static let fillsMax = 50
  /// Ended orders that are remembered, for events that come after the end.
  private static let endedMax = 200

  private var orders: [[UInt8]: Record] = [:]
  /// Ids in the order of their first events.
  private var sequence: [[UInt8]] = []
  private var ended: [[UInt8]] = []
  private var fills = RecentItems(capacity: ExecutionFeed.fillsMax)

  override func begin(isPartial: Bool) {
    super.begin(isPartial: isPartial)
    orders.removeAll()
    sequence.removeAll()
    ended.removeAll()
    fills.removeAll()
  }

  // MARK: Taking

  /// What one event means.
  struct Event {
    /// Everything known of the order after it.
    var record: Record
    var isFill: Bool
    /// One of those that `order_status: false` leaves.
    var isMilestone: Bool
    var symbol: String?
  }

  /// Takes one item. Nil when it names no order.
  func take(_ item: JSONValue, isSnapshot: Bool) -> Event? {
    guard let id = item["order_id"], id.kind == .string else { return nil }
    let key = Array(id.text)
    setTime(item["timestamp"])
    let isFill = item["exec_type"]?.equals("trade") == true
    var record = orders[key] ?? Record()
    for (name, value) in item.members where !Self.isOfFill(name) { record.set(name, value) }
    if isFill {
      let known = record
      // What the account's counter was then says nothing later.
      fills.append { bytes in bytes.append(fill: item, of: known, except: Self.isRateCount) }
    }
    // Fills in a snapshot are history: their orders are open only if they are listed as such.
    if !(isSnapshot && isFill) { keep(record, key, isEnded: Self.endsOrder(item)) }
    let symbol = record["symbol"].flatMap(Self.text)
    return Event(record: record, isFill: isFill, isMilestone: Self.isMilestone(item), symbol: symbol)
  }

  private func keep(_ record: Record, _ key: [UInt8], isEnded: Bool) {
    var record = record
    let before = orders[key]
    if before == nil { sequence.append(key) }
    if isEnded, before?.isEnded != true {
      record.isEnded = true
      ended.append(key)
    }
    orders[key] = record
    guard ended.count > Self.endedMax else { return }
    let forgotten = ended.removeFirst()
    orders[forgotten] = nil
    sequence.removeAll { $0 == forgotten }
  }

  private static func endsOrder(_ item: JSONValue) -> Bool {
    [item["exec_type"], item["order_status"]].contains { value in
      guard let value else { return false }
      return value.equals("filled") || value.equals("canceled") || value.equals("expired")
    }
  }

  private static func isMilestone(_ item: JSONValue) -> Bool {
    guard let type = item["exec_type"] else { return true }
    return type.equals("new") || type.equals("filled") || type.equals("canceled") || type.equals("expired")
  }

  /// Fields that tell of one fill, not of the order. Source: docs.kraken.com/api/docs/websocket-v2/executions
  private static func isOfFill(_ key: JSONValue) -> Bool {
    key.equals("exec_id") || key.equals("trade_id") || key.equals("last_qty") || key.equals("last_price")
      || key.equals("cost") || key.equals("liquidity_ind") || key.equals("fees") || key.equals("fee_usd_equiv")
      || key.equals("margin_borrow") || key.equals("ext_exec_id") || isRateCount(key)
  }

  static func isRateCount(_ key: JSONValue) -> Bool { key.equals("ratecount") }

  private static func text(_ quoted: [UInt8]) -> String? {
    guard quoted.count >= 2, quoted.first == UInt8(ascii: "\"") else { return nil }
    return String(decoding: quoted.dropFirst().dropLast(), as: UTF8.self)
  }

  // MARK: Writing

  override func writeState(of topic: Topic, into line: inout JSONBytes) {
    let options = topic.key.executions
    let writesOrders = topic.key.channel == .openOrders || options?.snapshotsOrders == true
    let writesFills = topic.key.channel == .ownTrades || options?.snapshotsTrades == true
    line.append("[")
    var isFirst = true
    if writesOrders {
      for key in sequence {
        guard let record = orders[key], !record.isEnded else { continue }
        if !isFirst { line.append(",") }
        isFirst = false
        line.append(record)
      }
    }
    if writesFills { fills.writeItems(into: &line, continuing: !isFirst) }
    line.append("]")
  }

  /// Writes the `data` of an update line.
  /// - Returns: false when this topic has nothing to say of it.
  func write(_ event: Event, _ item: JSONValue, for topic: Topic, into line: inout JSONBytes) -> Bool {
    switch topic.key.channel {
    case .ownTrades:
      guard event.isFill else { return false }
      line.append(fill: item, of: event.record, except: { isEnvelopeKey($0) || Self.isRateCount($0) })
    case .openOrders:
      line.append(event.record, withoutEnvelope: true)
    default:
      guard let options = topic.key.executions, options.everyStatus || event.isMilestone else { return false }
      let leavesOut: (JSONValue) -> Bool = { isEnvelopeKey($0) || !options.rateCounter && Self.isRateCount($0) }
      switch options.form {
      case .raw: line.append(item: item, except: leavesOut)
      case .merged: line.append(fill: item, of: event.record, except: leavesOut)
      }
    }
    return true
  }
}

extension [UInt8] {
  /// Whether this is the name as a JSON string.
  fileprivate func isQuoted(_ name: StaticString) -> Bool {
    name.withUTF8Buffer { count == $0.count + 2 && dropFirst().dropLast().elementsEqual($0) }
  }

  fileprivate var isEnvelopeName: Bool { isQuoted("symbol") || isQuoted("timestamp") }
}

extension JSONBytes {
  fileprivate mutating func append(_ record: ExecutionFeed.Record, withoutEnvelope: Bool = false) {
    append("{")
    _ = appendMembers(record, withoutEnvelope: withoutEnvelope)
    append("}")
  }

  private mutating func appendMembers(_ record: ExecutionFeed.Record, withoutEnvelope: Bool) -> Bool {
    var isFirst = true
    for (key, value) in record.members where !(withoutEnvelope && key.isEnvelopeName) {
      if !isFirst { append(",") }
      isFirst = false
      key.withUnsafeBytes { append(bytes: $0) }
      append(":")
      value.withUnsafeBytes { append(bytes: $0) }
    }
    return isFirst
  }

  /// Everything known of the order, then what the event says besides.
  fileprivate mutating func append(
    fill item: JSONValue, of record: ExecutionFeed.Record, except excluded: (JSONValue) -> Bool
  ) {
    let leavesEnvelopeOut = item.members.contains { key, _ in isEnvelopeKey(key) && excluded(key) }
    append("{")
    var isFirst = appendMembers(record, withoutEnvelope: leavesEnvelopeOut)
    for (key, value) in item.members where !excluded(key) && !record.has(key) {
      if !isFirst { append(",") }
      isFirst = false
      append(bytes: key.text)
      append(":")
      append(bytes: value.text)
    }
    append("}")
  }
}

extension ExecutionFeed.Record {
  fileprivate func has(_ key: JSONValue) -> Bool { members.contains { $0.key.elementsEqual(key.text) } }
}
