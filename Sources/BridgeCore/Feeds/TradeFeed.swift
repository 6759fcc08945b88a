// The last trades of a pair, as many as Kraken's own snapshot holds.

import JSONText
import KrakenWire

final class TradeFeed: Feed {
  /// Kraken's snapshot carries the latest 50 trades, so ours does too.
  static let tradesMax = 50
  private var trades = RecentItems(capacity: TradeFeed.tradesMax)

  func reset() { trades.removeAll() }

  func take(_ item: JSONValue) {
    setTime(item["timestamp"])
    trades.append { bytes in bytes.append(item: item, except: isSymbolKey) }
  }

  override func writeState(of topic: Topic, into line: inout JSONBytes) { trades.write(into: &line) }
}

/// A short list of JSON items, oldest first, that reuses its memory once it is full.
struct RecentItems {
  private var items: [JSONBytes] = []
  private var first = 0
  let capacity: Int

  init(capacity: Int) { self.capacity = capacity }

  var count: Int { items.count }

  mutating func removeAll() {
    items.removeAll()
    first = 0
  }

  mutating func append(_ write: (inout JSONBytes) -> Void) {
    guard items.count == capacity else {
      var item = JSONBytes()
      write(&item)
      items.append(item)
      return
    }
    items[first].removeAll()
    write(&items[first])
    first = (first + 1) % capacity
  }

  mutating func replaceLast(_ write: (inout JSONBytes) -> Void) {
    precondition(!items.isEmpty)
    let last = (first + items.count - 1) % items.count
    items[last].removeAll()
    write(&items[last])
  }

  /// As one JSON array.
  func write(into line: inout JSONBytes) {
    line.append("[")
    writeItems(into: &line)
    line.append("]")
  }

  /// - Parameter continuing: other items stand before them.
  func writeItems(into line: inout JSONBytes, continuing: Bool = false) {
    for offset in items.indices {
      if continuing || offset > 0 { line.append(",") }
      items[(first + offset) % items.count].withUnsafeBytes { line.append(bytes: $0) }
    }
  }
}
