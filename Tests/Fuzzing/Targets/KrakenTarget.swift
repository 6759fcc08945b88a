// Arbitrary messages for a real bridge with four readers. A line of the input is a message, except for these:
//
//   @ack             the exchange confirms what it was asked
//   @wait 5000       so many milliseconds pass
//   @binary          a binary message
//   @close 1001      the connection ends with this code, or without one
//
// A vertical tab stands for a line break within a message.

import FanOut

@Sendable func fuzzKraken(_ input: [UInt8]) throws(BrokenRule) {
  let world = FuzzedBridge()
  let names = "\"BTC/USD\",\"ETH/USD\",\"MATIC/USD\""
  _ = try world.connect(listener: 1)
  let reader = try world.connect(requests: [
    #"{"method":"subscribe","params":{"channel":"book","symbol":[\#(names)],"depth":10}}"#,
    #"{"method":"subscribe","params":{"channel":"ticker","symbol":[\#(names)]}}"#,
    #"{"method":"subscribe","params":{"channel":"trade","symbol":[\#(names)]}}"#,
    #"{"method":"subscribe","params":{"channel":"ohlc","symbol":[\#(names)],"interval":5}}"#,
    #"{"method":"subscribe","params":{"channel":"instrument"}}"#, #"{"method":"subscribe","params":{"channel":"status"}}"#,
  ])
  _ = try world.connect(requests: [
    #"{"method":"subscribe","params":{"channel":"spread","symbol":"*"}}"#,
    #"{"method":"subscribe","params":{"channel":"ticker","symbol":[\#(names)],"event_trigger":"bbo"}}"#,
  ])
  let narrow = try world.connect(
    requests: ["subscribe book BTC/USD", "subscribe book ETH/USD depth=25"], roomPerWrite: 97)
  try world.settle()
  try world.wait(milliseconds: 1)
  try world.acknowledge()
  var waitsLeft = 50
  for line in input.split(separator: 0x0A, maxSplits: 400) {
    switch command(line) {
    case .message: try world.receive(line.map { $0 == 0x0B ? 0x0A : $0 })
    case .acknowledge: try world.acknowledge()
    case .wait(let milliseconds):
      waitsLeft -= 1
      if waitsLeft >= 0 { try world.wait(milliseconds: milliseconds) }
    case .binary: try world.receiveBinary()
    case .close(let code): try world.cut(code: code)
    }
  }
  try world.wait(milliseconds: 40_000)
  // Whatever Kraken says, a reader that reads is never cut off and always answered.
  for id in [reader, narrow] {
    try require(world.isConnected(id), "a reader lost its connection by what Kraken said")
    let before = world.read(by: id).count
    world.send(Array("{\"method\":\"ping\",\"req_id\":77}\n".utf8), from: id)
    try world.settle()
    try require(world.read(by: id).count > before, "ping was not answered")
  }
}

private enum Command {
  case message, acknowledge, binary
  case wait(milliseconds: Int64)
  case close(code: UInt16?)
}

private func command(_ line: ArraySlice<UInt8>) -> Command {
  guard line.first == UInt8(ascii: "@") else { return .message }
  let words = String(decoding: line, as: UTF8.self).split(separator: " ")
  switch words.first {
  case "@ack": return .acknowledge
  case "@binary": return .binary
  case "@wait": return .wait(milliseconds: words.count > 1 ? Int64(words[1]).map { min(max($0, 0), 60_000) } ?? 0 : 0)
  case "@close": return .close(code: words.count > 1 ? UInt16(words[1]) : nil)
  default: return .message
  }
}
