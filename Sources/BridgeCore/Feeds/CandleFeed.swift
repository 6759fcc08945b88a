// Candles of one pair and interval. An update with the same `interval_begin` replaces the newest candle,
// a later one starts the next.

import JSONText
import KrakenWire

final class CandleFeed: Feed {
  /// Kraken does not say how many candles a snapshot has; this many are kept, the newest.
  static let candlesMax = 720
  private var candles = RecentItems(capacity: CandleFeed.candlesMax)
  private var newestBegin: [UInt8] = []

  func reset() {
    candles.removeAll()
    newestBegin.removeAll(keepingCapacity: true)
  }

  func take(_ item: JSONValue, messageTime: JSONValue?) {
    setTime(messageTime ?? item["timestamp"])
    let begin = item["interval_begin"]?.text ?? UnsafeRawBufferPointer(start: nil, count: 0)
    let write = { (bytes: inout JSONBytes) in bytes.append(item: item, except: isEnvelopeKey) }
    if candles.count > 0, newestBegin.withUnsafeBytes({ sameBytes(begin, $0) }) {
      candles.replaceLast(write)
    } else {
      candles.append(write)
      newestBegin.removeAll(keepingCapacity: true)
      newestBegin.append(contentsOf: begin)
    }
  }

  override func writeState(of topic: Topic, into line: inout JSONBytes) { candles.write(into: &line) }
}
