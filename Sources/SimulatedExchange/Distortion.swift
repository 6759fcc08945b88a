// Changes to finished messages, and messages that make no sense. All work on the text, so that the part of the
// exchange that writes correct messages knows nothing of them.

enum Distortion {
  static func wrongChecksum(_ text: Text) -> Text {
    let key = Text("\"checksum\":".utf8)
    guard let start = text.indices.first(where: { text[$0...].starts(with: key) }) else { return text }
    let end = text[(start + key.count)...].firstIndex { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }!
    let digits = String(decoding: text[(start + key.count)..<end], as: UTF8.self)
    var changed = Text(text[..<(start + key.count)])
    changed.add(integer: Int((UInt32(digits) ?? 0) ^ 1))
    return changed + text[end...]
  }

  /// Without the fields that Kraken may have left out: best ask, 24 hour figures, time.
  static func missingFields(_ text: Text) -> Text {
    let dropped: Set = ["ask", "ask_qty", "vwap", "change", "timestamp"]
    return mapObjects(text) { members in members.filter { !dropped.contains($0.key) } }
  }

  /// `0.00005000` becomes `5.000e-05`, digit for digit the same number.
  static func exponents(_ text: Text) -> Text {
    mapObjects(text) { members in
      members.map { member in
        guard member.key == "qty", let digits = member.value.numberText else { return member }
        return .init(key: "qty", value: .number(scientific(digits)))
      }
    }
  }

  private static func scientific(_ digits: String) -> String {
    let whole = digits.prefix { $0 != "." }
    let fraction = digits.dropFirst(whole.count + 1)
    let significant = (whole + fraction).drop { $0 == "0" }
    guard let first = significant.first else { return "0e0" }
    let exponent = whole.count - 1 - (whole.count + fraction.count - significant.count)
    let rest = significant.dropFirst()
    return "\(first)" + (rest.isEmpty ? "" : ".\(rest)") + "e\(exponent)"
  }

  static func extraFields(_ text: Text) -> Text {
    let extra: [JSONValue.Member] = [
      .init(key: "novelty", value: .object([.init(key: "since", value: .array([.number("1e-7"), .null, .bool(true)]))])),
      .init(key: "note\u{e9}", value: .string("new \u{1F419} \"field\"\n")),
    ]
    return mapObjects(text) { $0 + extra }
  }

  static func shuffledKeys(_ text: Text, _ chance: inout SeededGenerator) -> Text {
    mapObjects(text) { members in
      var members = members
      chance.shuffle(&members)
      return members
    }
  }

  static func spaced(_ text: Text, _ chance: inout SeededGenerator) -> Text {
    var spaced = Text()
    var isInString = false
    var isEscaped = false
    for byte in text {
      let isToken = !isInString && Text("{}[]:,".utf8).contains(byte)
      if isToken { spaced += Text(repeating: 0x20, count: chance.below(3)) }
      spaced.append(byte)
      if isToken { spaced.append([0x20, 0x0A, 0x0D, 0x09][chance.below(4)]) }
      if byte == UInt8(ascii: "\""), !isEscaped { isInString.toggle() }
      isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
    }
    return spaced
  }

  static func fragments(_ text: Text, size: Int) -> [Text] {
    stride(from: 0, to: text.count, by: max(size, 1)).map { Text(text[$0..<min($0 + size, text.count)]) }
  }

  static func nonsense(_ fault: Fault) -> Text {
    switch fault.name {
    case .invalidUTF8: return Text(#"{"channel":"heartbeat","x":""#.utf8) + [0xC3, 0x28, 0xFF] + Text(#""}"#.utf8)
    case .truncatedJSON: return Text(#"{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":817"#.utf8)
    case .unknownChannel: return Text(#"{"channel":"weather","type":"update","data":[{"symbol":"BTC/USD","sky":1}]}"#.utf8)
    case .unknownMethod: return Text(#"{"method":"dance","req_id":4711,"success":true,"result":{"steps":3}}"#.utf8)
    case .oversized:
      let frame = Text(#"{"channel":"weather","data":""}"#.utf8)
      let filler = Text(repeating: UInt8(ascii: "x"), count: max(0, (fault.size ?? 17 << 20) - frame.count))
      return frame.dropLast(2) + filler + frame.suffix(2)
    default: return Text((fault.text ?? "<html>502 Bad Gateway</html>").utf8)
    }
  }

  private static func mapObjects(_ text: Text, _ change: ([JSONValue.Member]) -> [JSONValue.Member]) -> Text {
    func map(_ value: JSONValue) -> JSONValue {
      switch value {
      case .array(let elements): .array(elements.map(map))
      case .object(let members): .object(change(members.map { .init(key: $0.key, value: map($0.value)) }))
      default: value
      }
    }
    return JSONValue(text).map { map($0).text } ?? text
  }
}
