// The order desk, and the stream of lines of each connection that has placed orders.
//
// Such a stream is a topic of the log that one connection follows: stages keep their place among everything else it
// reads, and if it reads too slowly it gets a snapshot of its orders like of anything else.

import FanOut
import MarketData
import Trading

/// A class, so that snapshots can be composed from it while the fan-out is at work.
final class OrderStreams {
  var desk: OrderDesk
  private var holders: [UInt32: HolderID] = [:]
  /// Orders that came before the first connection with Kraken had succeeded or failed.
  var early: [EarlyOrder] = []
  /// Connections to be closed once the last stage of their last order is written.
  var finishing: Set<SubscriberID> = []

  init(_ desk: OrderDesk) { self.desk = desk }

  func holder(of topic: TopicID) -> HolderID? { holders[topic.index] }
  func insert(_ topic: TopicID, of holder: HolderID) { holders[topic.index] = holder }
  func remove(_ topic: TopicID) { holders[topic.index] = nil }
}

struct EarlyOrder {
  var subscriber: SubscriberID
  var method: String
  var requestID: String?
  var params: [UInt8]?
  var timeIn: Int64
}

extension HolderID {
  init(_ id: SubscriberID) { self.init(UInt64(id.generation) << 32 | UInt64(id.slot)) }
}

extension SubscriberID {
  init(_ holder: HolderID) {
    self.init(slot: UInt32(truncatingIfNeeded: holder.value), generation: UInt32(holder.value >> 32))
  }
}
