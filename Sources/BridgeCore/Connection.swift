// What the bridge remembers of one connection besides its place in the log, which the fan-out keeps.

import BridgeWire
import FanOut
import MarketData

final class Connection {
  let id: SubscriberID
  let listener: Int
  let peer: Peer
  let connectedAt: Int64
  /// Input that is not a whole line yet, or waits until answers have been read.
  var input: [UInt8] = []
  var isInputPaused = false
  /// It is paused at a ping, which is answered behind what is being read from the log for this connection.
  var pingWaits = false
  var isHalfClosed = false
  var isClosing = false
  /// Topics this connection asked for by name; they keep a topic wanted.
  var explicit: Set<UInt32> = []
  /// Subscriptions to every topic of a channel, now and later.
  var wildcards: [TopicParameters] = []
  var followsEverything = false
  /// Requests whose answer waits for Kraken.
  var heldCount = 0
  /// Whether its listener has trade scope.
  var mayTrade = false
  /// The topic of its orders' stages, once it has placed one.
  var orderStream: TopicID?

  var instrumentListsFollowed: Int {
    (followsEverything ? 1 : 0) + wildcards.count { $0.channel == .instrument }
  }

  init(id: SubscriberID, listener: Int, peer: Peer, connectedAt: Int64) {
    self.id = id
    self.listener = listener
    self.peer = peer
    self.connectedAt = connectedAt
  }
}

/// A request that can only be answered when Kraken has.
struct HeldRequest {
  enum Kind { case subscribe(snapshot: Bool), snapshot }
  var subscriber: SubscriberID
  var head: AnswerHead
  var kind: Kind
  var deadline: Int64
}

/// Lines a second, from counters looked at once a second.
struct LineRates {
  static let interval: Int64 = 1_000_000_000
  private(set) var nextTick: Int64
  private(set) var publishedPerSecond: UInt64 = 0
  private(set) var deliveredPerSecond: UInt64 = 0
  private var last: (time: Int64, published: UInt64, delivered: UInt64)

  init(now: Moment) {
    nextTick = now.monotonic + Self.interval
    last = (now.monotonic, 0, 0)
  }

  mutating func tick(now: Moment, published: UInt64, delivered: UInt64) {
    let elapsed = UInt64(max(1, now.monotonic - last.time))
    publishedPerSecond = Self.rate(published - last.published, elapsed)
    deliveredPerSecond = Self.rate(delivered - last.delivered, elapsed)
    last = (now.monotonic, published, delivered)
    nextTick = now.monotonic + Self.interval
  }

  private static func rate(_ lines: UInt64, _ nanoseconds: UInt64) -> UInt64 {
    let (high, low) = lines.multipliedFullWidth(by: 1_000_000_000)
    return high < nanoseconds ? nanoseconds.dividingFullWidth((high, low)).quotient : .max
  }
}

/// The last connections that ended, with why: nobody leaves without a reason.
struct RecentDepartures {
  struct Departure {
    var wall: Int64
    var reason: String
    var peer: Peer
    var listener: String
    var lines: UInt64
  }

  static let kept = 16
  private(set) var newestLast: [Departure] = []
  private(set) var countByReason: [String: UInt64] = [:]

  mutating func append(_ departure: Departure) {
    countByReason[departure.reason, default: 0] += 1
    newestLast.append(departure)
    if newestLast.count > Self.kept { newestLast.removeFirst() }
  }
}
