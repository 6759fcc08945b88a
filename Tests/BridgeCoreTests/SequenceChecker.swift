// What holds of every stream of lines whatever a scenario says, checked for every reader of every scenario.
//
// Lines are JSON with the envelope's keys in their order; numbers rise; an update follows the line it names in `prev`,
// which is the reader's last line of that topic; after `stale` and `gap` a topic continues with a snapshot.

import JSONText

struct SequenceChecker {
  /// A reader that asked to continue from a `seq`, or without snapshot, may meet an update first.
  var mayBeginWithUpdate = false
  /// Lines before the reader's newest may come again for another topic.
  var isResuming = false

  private static let envelope = [
    "channel", "type", "symbol", "asset", "depth", "interval", "event_trigger", "form", "snap_orders", "snap_trades",
    "order_status", "ratecounter", "partial", "seq", "prev", "time", "received", "data",
  ]
  /// Where Kraken serves channels that are not public.
  private static let upstreams = [
    "executions": "private", "balances": "private", "own_trades": "private", "open_orders": "private",
    "level3": "level3", "orders": "orders",
  ]
  static func isAccount(_ channel: String) -> Bool { ["private", "orders"].contains(upstreams[channel]) }
  private static let lineBytesMax = 4 << 20

  private var newest: UInt64 = 0
  private var lastOfTopic: [String: UInt64] = [:]
  private var needSnapshot: Set<String> = []
  private var parser = JSONParserBox()

  /// - Returns: what is wrong with the line.
  mutating func check(_ line: String) -> [String] {
    guard line.utf8.count < Self.lineBytesMax else { return ["a line of \(line.utf8.count) bytes"] }
    guard let event = parser.event(line) else { return ["not a JSON object"] }
    guard event.keys.contains("channel"), !event.keys.contains("method") else {
      if event.method == "unsubscribe", let left = event.resultTopic { forget(left) }
      return []
    }
    var faults: [String] = []
    let places = event.keys.map { Self.envelope.firstIndex(of: $0) ?? -1 }
    if places.contains(-1) || places != places.sorted() || Set(places).count != places.count {
      faults.append("keys \(event.keys) are not the envelope's")
    }
    if event.channel == "bridge" { return faults + checkBridgeLine(event) }
    return faults + checkTopicLine(event)
  }

  /// A topic that is not followed any more starts anew when it is followed again.
  private mutating func forget(_ topic: String) {
    let parts = topic.split(separator: " ").filter { !$0.hasSuffix("=*") }
    for key in lastOfTopic.keys where Set(parts).isSubset(of: key.split(separator: " ")) {
      lastOfTopic[key] = nil
      needSnapshot.remove(key)
    }
  }

  private mutating func checkBridgeLine(_ event: Event) -> [String] {
    switch event.type {
    case "stale":
      let all = lastOfTopic.keys.filter { key in
        let channel = key.split(separator: " ").first { $0.hasPrefix("channel=") }?.dropFirst(8) ?? ""
        return Self.upstreams[String(channel), default: "public"] == event.upstream
      }
      for topic in event.staleTopics ?? all { needSnapshot.insert(topic) }
    case "gap" where event.reason == "slow_reader":
      needSnapshot.formUnion(lastOfTopic.keys)
    default: break
    }
    guard let seq = event.seq else { return [] }
    defer { newest = max(newest, seq) }
    return seq < newest && !isResuming ? ["seq \(seq) comes after \(newest)"] : []
  }

  private mutating func checkTopicLine(_ event: Event) -> [String] {
    guard let seq = event.seq else { return ["no seq"] }
    guard seq < 1 << 53 else { return ["seq does not fit into 53 bits"] }
    var faults: [String] = []
    let last = lastOfTopic[event.topic]
    switch event.type {
    case "snapshot":
      if event.prev != nil { faults.append("a snapshot has no prev") }
      if let last, seq < last { faults.append("snapshot \(seq) is older than \(last)") }
      needSnapshot.remove(event.topic)
    case "update":
      if needSnapshot.contains(event.topic) { faults.append("an update before the snapshot that stale or gap owes") }
      if seq <= newest, !isResuming { faults.append("seq \(seq) comes after \(newest)") }
      if let last, event.prev != last { faults.append("prev is \(event.prev ?? 0), the last line was \(last)") }
      if last == nil, !mayBeginWithUpdate, event.channel != "orders" { faults.append("the first line of a topic is an update") }
      if let prev = event.prev, prev >= seq { faults.append("prev is not before seq") }
    default:
      faults.append("type '\(event.type)'")
    }
    lastOfTopic[event.topic] = seq
    newest = max(newest, seq)
    return faults
  }
}

/// What the checks need of one line.
struct Event {
  var keys: [String] = []
  var channel = ""
  var type = ""
  var topic = ""
  var seq: UInt64?
  var prev: UInt64?
  var reason = ""
  var upstream = ""
  /// Keys of the topics a `stale` line names; nil for all.
  var staleTopics: [String]?
  /// Of an answer.
  var method = ""
  var resultTopic: String?

  init(_ root: JSONValue) {
    for (key, value) in root.members {
      keys.append(key.string ?? "")
      switch keys.last {
      case "channel": channel = value.string ?? ""
      case "method": method = value.string ?? ""
      case "result": resultTopic = value["channel"] == nil ? nil : Self.topic(value)
      case "type": type = value.string ?? ""
      case "seq": seq = value.uint64
      case "prev": prev = value.uint64
      case "data":
        reason = value["reason"]?.string ?? ""
        upstream = value["upstream"]?.string ?? "public"
        if let topics = value["topics"], topics.kind == .array { staleTopics = topics.elements.map(Self.topic) }
      default: break
      }
    }
    topic = Self.topic(root)
  }

  /// The members that tell one topic from another, as they are written.
  ///
  /// In the channels of an account the symbol tells what a line is about, not which topic it is of.
  private static func topic(_ value: JSONValue) -> String {
    let channel = value["channel"]?.string ?? ""
    let isAccount = SequenceChecker.isAccount(channel)
    return value.members.filter { key, value in
      if isAccount, key.equals("symbol") { return false }
      return ["form", "snap_orders", "snap_trades", "order_status", "ratecounter", "channel", "symbol", "asset", "depth", "interval", "event_trigger"].contains(key.string) && !value.equals("trades")
    }.map { "\($0.key.string ?? "")=\(String(decoding: $0.value.contents, as: UTF8.self))" }.joined(separator: " ")
  }
}

/// A parser that can be kept in a copyable value.
final class JSONParserBox {
  private var parser = JSONParser()

  func event(_ line: String) -> Event? {
    var line = line
    return try? line.withUTF8 { bytes in
      try parser.withDocument(UnsafeRawBufferPointer(bytes)) { $0.kind == .object ? Event($0) : nil }
    }
  }

  func read<R>(_ text: [UInt8], _ body: (JSONValue) -> R) -> R? { try? parser.withDocument(text) { body($0) } }
}
