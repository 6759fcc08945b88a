// What kind of message Kraken sent: a shallow look at the top level of one parsed document.
//
// Keys come in any order and new ones appear without notice, so every member is looked at and
// unknown ones are passed over. "method" decides before "channel": one error is known to carry both.
//
//   {"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[],"asks":[…],"checksum":3437785338}]}
//   {"method":"subscribe","req_id":2,"result":{"channel":"book","symbol":"BTC/USD",…},"success":true}

import JSONText

/// Views into the document: valid as long as the `JSONValue` it was made from.
public enum KrakenMessage {
  /// The answer to `subscribe`, `unsubscribe` or `ping`.
  case answer(KrakenAnswer)
  /// The answer to a trading method; the whole of it, since each method has fields of its own.
  case tradingAnswer(JSONValue)
  /// Items of a channel; allocates nothing.
  case data(KrakenData)
  case heartbeat
  /// The first item of a `status` message.
  case status(JSONValue)
  /// Requests came too fast, said without naming one: `{"Error":"Exceeded msg rate"}` or in the words of v1.
  case rateExceeded(String)
  /// An answer whose method is none that we send.
  case unknownMethod(JSONValue)
  case unknownChannel(JSONValue)
  /// An array or an object with "event": the endpoint speaks v1.
  case versionOne
  /// JSON, but nothing of the above; says what is missing.
  case unintelligible(StaticString)

  public static func classify(_ root: JSONValue) -> KrakenMessage {
    guard root.kind == .object else {
      return root.kind == .array ? .versionOne : .unintelligible("not an object")
    }
    var channel: JSONValue?
    var type: JSONValue?
    var data: JSONValue?
    var sequence: JSONValue?
    var timestamp: JSONValue?
    for (key, value) in root.members {
      if key.equals("channel") {
        channel = value
      } else if key.equals("type") {
        type = value
      } else if key.equals("data") {
        data = value
      } else if key.equals("timestamp") {
        timestamp = value
      } else if key.equals("sequence") {
        sequence = value
      } else if key.equals("method") {
        return answer(root, method: value)
      }
    }
    guard let channel else { return withoutChannel(root) }
    guard let known = KrakenChannel(channel) else { return .unknownChannel(channel) }
    if known == .heartbeat { return .heartbeat }
    guard let data else { return .unintelligible("no data") }
    if known == .status {
      var items = data.elements
      guard let item = items.next() else { return .unintelligible("status without an item") }
      return .status(item)
    }
    guard data.kind == .array || data.kind == .object else {
      return .unintelligible("data is neither array nor object")
    }
    guard let type else { return .unintelligible("no type") }
    let isSnapshot = type.equals("snapshot")
    guard isSnapshot || type.equals("update") else { return .unintelligible("type is neither snapshot nor update") }
    return .data(
      KrakenData(
        channel: known, isSnapshot: isSnapshot, sequence: sequence?.uint64, timestamp: timestamp, data: data))
  }

  /// Under `docs.kraken.com/api/docs/websocket-v2/`, a page for each.
  private static let tradingMethods: [StaticString] = [
    "add_order", "amend_order", "edit_order", "cancel_order", "cancel_all", "cancel_all_orders_after", "batch_add",
    "batch_cancel",
  ]

  private static func answer(_ root: JSONValue, method: JSONValue) -> KrakenMessage {
    guard let known = KrakenMethod(method) else {
      return tradingMethods.contains { method.equals($0) } ? .tradingAnswer(root) : .unknownMethod(method)
    }
    return .answer(KrakenAnswer(root, method: known))
  }

  private static func withoutChannel(_ root: JSONValue) -> KrakenMessage {
    if let text = (root["Error"] ?? root["error"] ?? root["errorMessage"])?.string,
      KrakenErrorClass(text) == .slowDown
    {
      return .rateExceeded(text)
    }
    return root["event"] == nil ? .unintelligible("neither method nor channel") : .versionOne
  }
}

/// One message of a data channel.
public struct KrakenData {
  public var channel: KrakenChannel
  public var isSnapshot: Bool
  /// `executions` and `balances` number their messages; the snapshot is 1.
  public var sequence: UInt64?
  /// The message's own time, as `ohlc` has it; other channels put theirs into the items.
  public var timestamp: JSONValue?
  /// An array of items, or one object (`instrument`).
  public var data: JSONValue

  /// The items in order: the elements of the array, or the object itself.
  @inlinable public var items: Items { Items(data) }

  public struct Items: Sequence, IteratorProtocol {
    @usableFromInline var single: JSONValue?
    @usableFromInline var elements: JSONValue.Elements

    @inlinable
    init(_ data: JSONValue) {
      single = data.kind == .object ? data : nil
      elements = data.elements
    }

    @inlinable
    public mutating func next() -> JSONValue? {
      guard let item = single else { return elements.next() }
      single = nil
      return item
    }
  }
}
