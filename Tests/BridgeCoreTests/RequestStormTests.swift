// Damaged requests by the thousand: each line is answered exactly once, the connection stays, nobody else notices.

import Testing

@Suite struct RequestStormTests {
  /// Requests that are answered with one line, and stay so when bytes in them are replaced.
  private static let requests = [
    #"{"method":"ping","req_id":1}"#, #"{"method":"status","req_id":"two"}"#, "ping", "help", "topics",
    #"{"method":"unsubscribe","params":{"channel":"book","symbol":["ETH/USD"],"depth":25},"req_id":3}"#,
    #"{"method":"snapshot","params":{"channel":"status"}}"#, "unsubscribe ticker BTC/USD event_trigger=bbo",
    #"{"method":"add_order","params":{"order_qty":1e-08,"limit_price":-0.1},"req_id":4}"#,
  ]

  @Test(arguments: UInt64(1)...6)
  func damagedRequests(_ seed: UInt64) throws {
    var random = Weyl(state: seed)
    var text = "include online\nconnect A\nconnect B\nB: subscribe ticker BTC/USD\nack\n"
    var pending: [UInt8] = []
    let lineCount = 200
    for _ in 0..<lineCount {
      var bytes = Array(Self.requests.randomElement(using: &random)!.utf8)
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        // Any byte but an end of line, and the scenarios' own `$`.
        let byte = UInt8.random(in: 0...255, using: &random)
        if byte != 10, byte != UInt8(ascii: "$") { bytes[Int.random(in: 0..<bytes.count, using: &random)] = byte }
      }
      pending += bytes + [10]
      let chunk = Int.random(in: 1...pending.count * 2, using: &random)
      text += "A! \(Self.escaped(pending.prefix(chunk)))\n"
      pending.removeFirst(min(chunk, pending.count))
    }
    if !pending.isEmpty { text += "A! \(Self.escaped(pending[...]))\n" }
    let update = #"{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":1.0}]}"#
    text += "> \(update)\n"

    let runner = ScenarioRunner(try ScenarioFile(text: text))
    runner.recording = ScenarioRecording()
    #expect(runner.run() == [])
    runner.recording?.finish(runner)
    let lines = runner.recording?.lines ?? []
    let answers = lines.count { $0.hasPrefix("A< ") && !$0.contains("$hello") }
    #expect(answers == lineCount)
    #expect(!lines.contains("A closed"))
    // Its acknowledgement and the ticker; nothing of A's.
    #expect(lines.count { $0.hasPrefix("B< ") && !$0.contains("$hello") } == 2)
  }

  private static func escaped(_ bytes: ArraySlice<UInt8>) -> String {
    bytes.map { byte in
      let digits = String(byte, radix: 16)
      return "\\x" + (digits.count < 2 ? "0" : "") + digits
    }.joined()
  }
}

/// Enough chance for choosing test data, the same on every machine.
private struct Weyl: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    let mixed = (state ^ (state >> 32)) &* 0xD6E8_FEB8_6659_FD93
    return mixed ^ (mixed >> 32)
  }
}
