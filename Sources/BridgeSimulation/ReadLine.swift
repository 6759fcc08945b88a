// One line as a reader reads it, checked against the shape that the protocol promises.

import BridgeCore

/// The line's kind and what belongs to it.
enum ReadLine {
  case event(Event)
  case hello(seq: UInt64)
  case state(seq: UInt64, link: LinkName)
  /// Without `seq` it was made for one reader; without topics it is about all of one connection.
  case stale(seq: UInt64?, reason: String, link: LinkName, topics: [TopicName]?)
  case gap(reason: String, from: UInt64, to: UInt64, dropped: UInt64?)
  case goodbye(reason: String)
  case answer(WireValue)
  /// Stages of the reader's own orders.
  case orders(OrderLine)

  struct OrderLine {
    var isSnapshot: Bool
    var seq: UInt64
    var prev: UInt64?
    var data: WireValue
  }

  struct Event {
    var topic: TopicName
    var isSnapshot: Bool
    var seq: UInt64
    var prev: UInt64?
    var data: WireValue
    /// Of the envelope: what an order's line has there instead of in its data.
    var symbol: WireValue?
    var time: WireValue?
  }

  static let invariant = "whole lines of the promised shape"

  init(_ bytes: [UInt8]) throws(Violation) {
    guard let root = WireText(bytes)?.root, root.kind == .object else {
      throw Violation(Self.invariant, "not a JSON object: \(String(decoding: bytes, as: UTF8.self))")
    }
    guard let channel = root["channel"] else {
      guard root["success"] != nil || root["method"] != nil else { throw Self.malformed(bytes, "neither event nor answer") }
      self = .answer(root)
      return
    }
    guard Self.keysAreInOrder(root) else { throw Self.malformed(bytes, "keys are not in the promised order") }
    guard let type = root["type"]?.string, let data = root["data"] else { throw Self.malformed(bytes, "no type or data") }
    if channel.isEqual(to: "bridge") {
      guard let line = Self.bridgeLine(type, root["seq"]?.seq, data) else { throw Self.malformed(bytes, "a bridge line") }
      self = line
      return
    }
    if channel.isEqual(to: "orders") {
      guard let seq = root["seq"]?.seq, type == "snapshot" && data.kind == .array || type == "update" && data.kind == .object
      else { throw Self.malformed(bytes, "an orders line") }
      self = .orders(OrderLine(isSnapshot: type == "snapshot", seq: seq, prev: root["prev"]?.seq, data: data))
      return
    }
    guard let topic = TopicName(root), let seq = root["seq"]?.seq, type == "snapshot" || type == "update",
      root["received"]?.string?.utf8.count == 30 || topic.channel == .instrument
    else { throw Self.malformed(bytes, "an event line") }
    let isSnapshot = type == "snapshot"
    guard !isSnapshot || root["prev"] == nil else { throw Self.malformed(bytes, "a snapshot with prev") }
    self = .event(
      Event(
        topic: topic, isSnapshot: isSnapshot, seq: seq, prev: root["prev"]?.seq, data: data, symbol: root["symbol"],
        time: root["time"]))
  }

  private static func malformed(_ bytes: [UInt8], _ why: String) -> Violation {
    Violation(invariant, "\(why): \(String(decoding: bytes.prefix(400), as: UTF8.self))")
  }

  private static func bridgeLine(_ type: String, _ seq: UInt64?, _ data: WireValue) -> ReadLine? {
    switch type {
    case "hello": return seq.map { .hello(seq: $0) }
    case "state":
      guard data["state"] != nil, let seq, let link = LinkName(data["upstream"]) else { return nil }
      return .state(seq: seq, link: link)
    case "stale":
      guard let reason = data["reason"]?.string, let link = LinkName(data["upstream"]), let list = data["topics"]
      else { return nil }
      guard list.kind == .array else {
        return list.isEqual(to: "*") ? .stale(seq: seq, reason: reason, link: link, topics: nil) : nil
      }
      var topics: [TopicName?] = []
      list.forEachElement { topics.append(TopicName($0)) }
      let named = topics.compactMap { $0 }
      guard named.count == topics.count, !named.isEmpty, named.allSatisfy({ $0.channel.link == link }) else { return nil }
      return .stale(seq: seq, reason: reason, link: link, topics: named)
    case "gap":
      guard let reason = data["reason"]?.string, let from = data["from"]?.seq, let to = data["to"]?.seq else { return nil }
      return .gap(reason: reason, from: from, to: to, dropped: data["dropped"]?.seq)
    case "goodbye": return data["reason"]?.string.map { .goodbye(reason: $0) }
    default: return nil
    }
  }

  private static let order: [StaticString] = [
    "channel", "type", "symbol", "asset", "depth", "interval", "event_trigger", "form", "snap_orders",
    "snap_trades", "order_status", "ratecounter", "seq", "prev", "time", "received", "data",
  ]

  private static func keysAreInOrder(_ root: WireValue) -> Bool {
    var place = 0
    var isSound = true
    root.forEachMember { key, _ in
      while place < order.count, !key.isEqual(to: order[place]) { place += 1 }
      isSound = isSound && place < order.count
      place += 1
    }
    return isSound
  }

  /// The number behind the first `"seq":`, without reading the rest; nil if there is none near the beginning.
  static func seq(of bytes: [UInt8]) -> UInt64? {
    bytes.withUnsafeBufferPointer { bytes in
      var place = 0
      let end = min(bytes.count, 160) - 6
      while place < end {
        if bytes[place] == 0x22, bytes[place + 1] == 0x73, bytes[place + 2] == 0x65, bytes[place + 3] == 0x71,
          bytes[place + 4] == 0x22, bytes[place + 5] == 0x3A
        {
          var value: UInt64 = 0
          place += 6
          while place < bytes.count, bytes[place] >= 0x30, bytes[place] <= 0x39 {
            value = value &* 10 &+ UInt64(bytes[place] - 0x30)
            place += 1
          }
          return value
        }
        place += 1
      }
      return nil
    }
  }
}

extension LinkName {
  /// By the name that lines use.
  init?(_ name: WireValue?) {
    guard let link = LinkName.allCases.first(where: { $0.text == name?.string }) else { return nil }
    self = link
  }
}
