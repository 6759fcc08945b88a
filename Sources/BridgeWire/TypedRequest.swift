// The same requests as a person types them into `nc`:
//
//     subscribe book BTC/USD ETH/USD depth=100
//     snapshot ticker BTC/USD
//     status

enum TypedRequest {
  static func parse(_ line: UnsafeRawBufferPointer) throws(RequestFault) -> Request {
    guard let text = String(validating: line, as: UTF8.self), !text.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 })
    else {
      throw RequestFault(.malformed, "neither JSON nor readable text; try: subscribe ticker BTC/USD")
    }
    let words = text.split { $0 == " " || $0 == "\t" }.map(String.init)
    let name = words[0].lowercased()
    guard Request.methods.contains(name) else {
      // Anything that is not even a word was meant as JSON, or is noise.
      guard words[0].utf8.allSatisfy({ isWordByte($0) }) else {
        throw RequestFault(
          .malformed, "neither a JSON object nor a known command; try {\"method\":\"help\"} or help")
      }
      throw RequestParser.unknownMethod(words[0])
    }
    do throws(RequestFault) {
      if let plain = Request.plain(name) {
        guard words.count == 1 else {
          throw RequestFault(
            .badParameter,
            Request.orderMethods.contains(name)
              ? "orders are sent as JSON" : "\(name) takes nothing after it")
        }
        return Request(plain, name: name)
      }
      return Request(try topicMethod(name, Array(words.dropFirst())), name: name)
    } catch {
      var fault = error
      fault.method = name
      throw fault
    }
  }

  private static func topicMethod(_ name: String, _ words: [String]) throws(RequestFault) -> Request.Method {
    var reading = ParameterReading()
    guard let channel = words.first else {
      throw reading.bad("no channel given; for example: \(name) ticker BTC/USD")
    }
    try reading.setChannel(channel)
    for word in words.dropFirst() {
      guard let equals = word.firstIndex(of: "=") else {
        reading.symbols += word.split(separator: ",").map { Spelling.currentPair(String($0)) }
        continue
      }
      let value = String(word[word.index(after: equals)...])
      try take(String(word[..<equals]).lowercased(), value, into: &reading, method: name)
    }
    guard reading.symbols.count <= 1 || !reading.symbols.contains("*") else { throw reading.bad("\"*\" stands alone") }
    return try reading.method(name)
  }

  private static func take(
    _ key: String, _ value: String, into reading: inout ParameterReading, method: String
  ) throws(RequestFault) {
    let subscribing = method == "subscribe"
    switch key {
    case "depth", "interval":
      guard let number = Int(value) else { throw reading.bad("\(key) must be an integer") }
      if key == "depth" { reading.depth = number } else { reading.interval = number }
    case "event_trigger": reading.eventTrigger = value
    case "asset": reading.assets += value.split(separator: ",").map { Spelling.currentAsset($0) }
    case "snapshot" where subscribing:
      guard let flag = Bool(value) else { throw reading.bad("snapshot must be true or false") }
      reading.options.snapshot = flag
    case "since" where subscribing:
      guard let seq = UInt64(value), seq < 1 << 53 else { throw reading.bad("since must be a seq") }
      reading.options.since = seq
    case "on_slow" where subscribing: try reading.setOnSlow(value)
    default: try reading.takeExecutionOption(key, flag: Bool(value), text: value)
    }
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
      UInt8(ascii: "-"): true
    default: false
    }
  }
}
