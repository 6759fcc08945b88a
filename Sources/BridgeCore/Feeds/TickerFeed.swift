// The last ticker of a pair, and from it the best bid and ask.

import BridgeWire
import JSONText
import KrakenWire
import MarketData

final class TickerFeed: Feed {
  /// Kraken's subscriptions by trigger; data does not say which of them it came from.
  private(set) var ticker: [UInt8] = []
  private(set) var spread: [UInt8] = []

  /// - Returns: whether best bid, ask or their quantities changed.
  func take(_ item: JSONValue) -> Bool {
    setTime(item["timestamp"])
    scratch.removeAll()
    scratch.append(item: item, except: isEnvelopeKey)
    replace(&ticker)
    scratch.removeAll()
    scratch.append("{")
    var first = true
    for (key, value) in item.members
    where key.equals("bid") || key.equals("bid_qty") || key.equals("ask") || key.equals("ask_qty") {
      if !first { scratch.append(",") }
      first = false
      scratch.append(bytes: key.text)
      scratch.append(":")
      scratch.append(bytes: value.text)
    }
    scratch.append("}")
    let changed = scratch.withUnsafeBytes { new in spread.withUnsafeBytes { !sameBytes(new, $0) } }
    if changed { replace(&spread) }
    return changed
  }

  func bytes(for topic: Topic) -> [UInt8] { topic.key.channel == .spread ? spread : ticker }

  override func writeState(of topic: Topic, into line: inout JSONBytes) {
    bytes(for: topic).withUnsafeBytes { line.append(bytes: $0) }
  }

  /// One of its prices: `bid`, `ask`, `last`. Read anew each time, since hardly anybody asks.
  func price(_ name: StaticString) -> NumberText? {
    var parser = JSONParser()
    return ticker.withUnsafeBytes { bytes in
      try? parser.withDocument(bytes) { root in root[name].flatMap { NumberText($0.contents) } }
    }
  }

  private var scratch = JSONBytes(reserving: 512)

  private func replace(_ bytes: inout [UInt8]) {
    bytes.removeAll(keepingCapacity: true)
    scratch.withUnsafeBytes { bytes.append(contentsOf: $0) }
  }
}
