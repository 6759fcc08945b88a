// One event line taken apart by the keys that README promises, in their order.

struct Line {
  var channel: Bytes
  var type: Bytes
  /// Names the topic: a hash over the channel and the topic's own keys.
  var topic: UInt64
  var seq: UInt64?
  var prev: UInt64?
  var received: Bytes?
  /// At the value of `data`.
  var data: Cursor

  /// - Returns: nil for a line that is no event.
  init?(_ line: Bytes) {
    var cursor = Cursor(line)
    guard cursor.take("{\"channel\":"), let channel = cursor.string(), cursor.take(",\"type\":"),
      let type = cursor.string()
    else { return nil }
    self.channel = channel
    self.type = type
    let keys = cursor.place
    var keysEnd = keys
    data = cursor
    topic = 0
    while cursor.take(","), let key = cursor.string(), cursor.take(":") {
      if key.equals("data") {
        topic = Self.topic(channel, Bytes(start: keys, count: keysEnd - keys))
        data = cursor
        return
      } else if key.equals("seq") {
        seq = cursor.unsigned()
      } else if key.equals("prev") {
        prev = cursor.unsigned()
      } else if key.equals("received") {
        received = cursor.string()
      } else {
        guard cursor.skipValue() else { return nil }
        if !key.equals("time") { keysEnd = cursor.place }
      }
    }
    return nil
  }

  /// - Parameter keys: the topic's keys as they stand in a line, from the comma behind the channel on.
  static func topic(_ channel: Bytes, _ keys: Bytes) -> UInt64 { keys.hash(channel.hash()) }

  static func topic(channel: String, symbol: String, depth: Int?) -> UInt64 {
    var channel = channel
    var keys = ",\"symbol\":\"\(symbol)\"" + (depth.map { ",\"depth\":\($0)" } ?? "")
    return channel.withUTF8 { channel in keys.withUTF8 { topic(channel, $0) } }
  }

  /// The topics that a `stale` line names; nil for all of them.
  func staleTopics() -> [UInt64]? {
    var topics: [UInt64]?
    var data = data
    _ = data.members { key, cursor in
      guard key.equals("topics"), !cursor.take("\"*\"") else { return cursor.skipValue() }
      var named: [UInt64] = []
      defer { topics = named }
      return cursor.elements { cursor in
        guard cursor.take("{\"channel\":"), let channel = cursor.string() else { return false }
        let keys = cursor.place
        while cursor.take(","), cursor.string() != nil, cursor.take(":"), cursor.skipValue() {}
        named.append(Self.topic(channel, Bytes(start: keys, count: cursor.place - keys)))
        return cursor.take("}")
      }
    }
    return topics
  }

  /// A string member of `data`.
  func text(_ name: StaticString) -> String? {
    var found: String?
    var data = data
    _ = data.members { key, cursor in
      guard found == nil, key.equals(name), let text = cursor.string() else { return cursor.skipValue() }
      found = text.string
      return true
    }
    return found
  }

  func number(_ name: StaticString) -> UInt64? {
    var found: UInt64?
    var data = data
    _ = data.members { key, cursor in
      guard key.equals(name) else { return cursor.skipValue() }
      found = cursor.unsigned()
      return found != nil
    }
    return found
  }
}
