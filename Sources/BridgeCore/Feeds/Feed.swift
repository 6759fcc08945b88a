// A feed is what the bridge knows about one subject at Kraken: the last ticker of a pair, its book, its trades.
//
// It turns Kraken's items into data bytes and can write its present state at any moment, so that a reader who joins
// late never waits for Kraken. Several topics may live from one feed (every depth of a book, a ticker's triggers).

import BridgeWire
import FanOut
import JSONText
import KrakenSession
import KrakenWire
import MarketData

/// What makes feeds distinct. A book is one feed whatever its depths, a ticker whatever its triggers.
struct FeedKey: Hashable {
  var channel: KrakenChannel
  var symbol: String
  var interval: Int?
}

class Feed {
  let key: FeedKey
  /// Kept, and asked for at Kraken, whether or not a topic shows it.
  var isStanding = false
  /// Topics that show this feed, in the order they were first wanted.
  var topics: [Topic] = []
  /// Kraken's timestamp of the newest data, as JSON text with its quotes; empty when there is none.
  var time: [UInt8] = []
  /// When the newest data was read, wall clock in nanoseconds.
  var receivedWall: Int64 = 0

  /// Kraken has not told what there was when it began: the present state is what has come since.
  var isPartial = false

  init(_ key: FeedKey) { self.key = key }

  /// A new subscription begins: what was known before is void.
  func begin(isPartial: Bool) {
    self.isPartial = isPartial
    setTime(nil)
  }

  /// Writes the present state as one JSON value: the `data` of a snapshot line.
  func writeState(of topic: Topic, into line: inout JSONBytes) {
    preconditionFailure("every feed writes its own state")
  }

  func setTime(_ value: JSONValue?) {
    guard let value, value.kind == .string else { return time.removeAll(keepingCapacity: true) }
    let text = value.text
    // Nearly always as long as the one before, which it then takes the place of.
    if time.count != text.count { time = [UInt8](repeating: 0, count: text.count) }
    time.withUnsafeMutableBytes { $0.copyMemory(from: text) }
  }
}

/// One line stream that readers can follow.
final class Topic {
  let key: TopicKey
  let id: TopicID
  unowned let feed: Feed
  let updatePrefix: [UInt8]
  private let wholePrefix: [UInt8]
  /// The log's last seq when the topic was made: nobody can resume from before it.
  let createdAfter: UInt64
  let upstreamName: UpstreamName
  /// Kraken's subscription that keeps it live; nil for topics that ride on none of their own (`status`).
  var upstream: UpstreamTopicID?
  var isLive = false
  /// Why it is not live although it was, or may never be; nil while it has not been live yet.
  var stale: Staleness?
  var isPinned = false
  /// Explicit subscriptions, held requests: what keeps it wanted besides a pin.
  var demand = 0
  var lingersUntil: Int64?
  var held: [HeldRequest] = []
  var lines: UInt64 = 0
  var lastReceivedWall: Int64 = 0

  init(_ key: TopicKey, id: TopicID, feed: Feed, createdAfter: UInt64) {
    self.key = key
    self.id = id
    self.feed = feed
    self.createdAfter = createdAfter
    upstreamName = key.channel.upstreamName
    updatePrefix = Line.prefix(key, type: "update")
    wholePrefix = Line.prefix(key, type: "snapshot")
  }

  var snapshotPrefix: [UInt8] {
    feed.isPartial ? Line.prefix(key, type: "snapshot", isPartial: true) : wholePrefix
  }

  var isWanted: Bool { isPinned || demand > 0 }
}

/// Why a topic's data can not be relied on.
struct Staleness: Equatable {
  /// As in contract's `stale` line: `upstream_lost`, `silent`, `checksum`, …
  var reason: String
  /// Kraken's words for a refusal.
  var error: String?
}

extension Staleness {
  /// A pair that Kraken has taken off its list: what is known of it will not change any more.
  init(delisted symbol: String) {
    self.init(reason: StaleReason.refused.rawValue, error: "\(symbol) is delisted")
  }
}

extension UnsafeRawBufferPointer {
  /// Copies the members of `item` except the excluded ones, braces included, in as few pieces as possible.
  ///
  /// Neighbouring members are one run of the original text, so unknown new fields and every digit pass untouched.
  static func copyMembers(
    of item: JSONValue, except excluded: (JSONValue) -> Bool, to append: (UnsafeRawBufferPointer) -> Void
  ) {
    var runStart: UnsafeRawPointer?
    var runEnd: UnsafeRawPointer?
    for (key, value) in item.members {
      if excluded(key) {
        if let start = runStart, let end = runEnd {
          append(UnsafeRawBufferPointer(start: start, count: end - start))
        }
        runStart = nil
        runEnd = nil
        continue
      }
      // Sound: the parser found both texts in the same document, the value behind its key.
      if runStart == nil { runStart = key.text.baseAddress }
      runEnd = value.text.baseAddress! + value.text.count
    }
    if let start = runStart, let end = runEnd { append(UnsafeRawBufferPointer(start: start, count: end - start)) }
  }
}

extension JSONBytes {
  /// One item as an object without the excluded members.
  mutating func append(item: JSONValue, except excluded: (JSONValue) -> Bool) {
    append("{")
    var first = true
    UnsafeRawBufferPointer.copyMembers(of: item, except: excluded) { run in
      if !first { append(",") }
      first = false
      append(bytes: run)
    }
    append("}")
  }
}

/// `symbol` and `timestamp` move to the envelope.
@inline(__always)
func isEnvelopeKey(_ key: JSONValue) -> Bool { key.equals("symbol") || key.equals("timestamp") }

@inline(__always)
func isSymbolKey(_ key: JSONValue) -> Bool { key.equals("symbol") }
