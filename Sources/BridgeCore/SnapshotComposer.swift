// Lines made for one reader while the fan-out is delivering: snapshots it is owed, gaps, goodbyes.

import BridgeWire
import FanOut
import JSONText

struct SnapshotComposer: SnapshotSource {
  let catalog: Catalog
  let orders: OrderStreams
  let lastSeq: UInt64
  /// Takes memory only in the turns that need it.
  private var line = JSONBytes()

  init(catalog: Catalog, orders: OrderStreams, lastSeq: UInt64) {
    self.catalog = catalog
    self.orders = orders
    self.lastSeq = lastSeq
  }

  /// A topic that is not live has nothing to give but the reason why; its next line will be a snapshot for everyone.
  mutating func writeSnapshot(
    of id: TopicID, seq: UInt64?, to reader: SubscriberID, into write: (UnsafeRawBufferPointer) -> Void
  ) -> Bool {
    line.removeAll()
    if let holder = orders.holder(of: id) {
      Line.ordersPrefix(type: "snapshot", symbol: nil).withUnsafeBytes { line.append(bytes: $0) }
      line.append(seq ?? lastSeq)
      line.append(",\"data\":")
      orders.desk.writeState(of: holder, into: &line)
      line.append("}\n")
      line.withUnsafeBytes(write)
      return true
    }
    guard let topic = catalog[id] else { return false }
    if topic.isLive {
      line.append(event: topic, seq: seq ?? lastSeq)
      line.append("\n")
    } else if let stale = topic.stale {
      Line.stale(
        &line, seq: lastSeq, reason: stale.reason, upstream: topic.upstreamName.text, topics: [topic.key],
        error: stale.error)
    } else {
      return false
    }
    line.withUnsafeBytes(write)
    return true
  }

  mutating func writeGap(
    to reader: SubscriberID, reason: GapReason, from: UInt64, to: UInt64, dropped: UInt64,
    into write: (UnsafeRawBufferPointer) -> Void
  ) {
    line.removeAll()
    // How many lines a restart took is not known.
    Line.gap(
      &line, reason: reason.text, from: from, to: to, dropped: reason == .restart ? nil : dropped)
    line.withUnsafeBytes(write)
  }

  mutating func writeGoodbye(
    to reader: SubscriberID, reason: DepartureReason, into write: (UnsafeRawBufferPointer) -> Void
  ) {
    line.removeAll()
    Line.goodbye(&line, reason: "slow_reader")
    line.withUnsafeBytes(write)
  }
}

extension JSONBytes {
  /// A snapshot event without its LF, from the topic's present state. Readers of one topic get equal bytes.
  mutating func append(event topic: Topic, seq: UInt64) {
    topic.snapshotPrefix.withUnsafeBytes { append(bytes: $0) }
    append(seq)
    if !topic.feed.time.isEmpty {
      append(",\"time\":")
      topic.feed.time.withUnsafeBytes { append(bytes: $0) }
    }
    if topic.lastReceivedWall != 0 {
      append(",\"received\":\"")
      append(bytesOf: Timestamp.text(wall: topic.lastReceivedWall, fractionDigits: 9))
      append("\"")
    }
    append(",\"data\":")
    topic.feed.writeState(of: topic, into: &self)
    append("}")
  }
}
