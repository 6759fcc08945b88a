// What Kraken last said of its own state.

import JSONText
import KrakenWire

final class StatusFeed: Feed {
  private(set) var item: [UInt8] = []

  /// - Returns: whether it differs from what was known; Kraken may repeat itself.
  func take(_ value: JSONValue) -> Bool {
    guard !value.text.elementsEqual(item) else { return false }
    item.removeAll(keepingCapacity: true)
    item.append(contentsOf: value.text)
    return true
  }

  override func writeState(of topic: Topic, into line: inout JSONBytes) {
    item.withUnsafeBytes { line.append(bytes: $0) }
  }
}
