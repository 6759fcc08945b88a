// Every topic the bridge carries, findable by key, by the log's id, and by Kraken's subscription.

import BridgeWire
import FanOut
import KrakenSession
import KrakenWire

/// A class, so that snapshots can be composed from it while the fan-out is at work.
final class Catalog {
  private(set) var topics: [TopicKey: Topic] = [:]
  private var byID: [Topic?] = []
  private var feeds: [FeedKey: Feed] = [:]

  var count: Int { topics.count }
  func count(where predicate: (Topic) -> Bool) -> Int { topics.values.count(where: predicate) }

  subscript(key: TopicKey) -> Topic? { topics[key] }

  subscript(id: TopicID) -> Topic? { Int(id.index) < byID.count ? byID[Int(id.index)] : nil }

  func insert(_ topic: Topic) {
    topics[topic.key] = topic
    let index = Int(topic.id.index)
    while byID.count <= index { byID.append(nil) }
    byID[index] = topic
    topic.feed.topics.append(topic)
  }

  func remove(_ topic: Topic) {
    topics[topic.key] = nil
    byID[Int(topic.id.index)] = nil
    topic.feed.topics.removeAll { $0 === topic }
  }

  // MARK: Feeds

  func feed(_ key: FeedKey) -> Feed? { feeds[key] }
  func insert(_ feed: Feed) { feeds[feed.key] = feed }
  func remove(_ feed: Feed) { feeds[feed.key] = nil }

  /// In a stable order, for reports and everything else that must not depend on hashing.
  var sorted: [Topic] { byID.compactMap { $0 } }
}
