// What a reader must get, worked out the naive way: every reader has queues, every line is put into the
// queues of those it concerns, and everything ever published is kept. It shares nothing with the fan-out's
// log, cursors and states; it asks the fan-out only which readers it currently lets miss lines, and judges
// whether it had a right to that.

import FanOut

/// A published line.
struct ModelLine {
  enum Concern {
    case topic(TopicID)
    case bridgeToTopics([TopicID])
    case bridgeToScope(Scope)
    case bridgeToEveryone
  }
  var seq: UInt64
  var concern: Concern
  var text: String

  var topic: TopicID? { if case .topic(let topic) = concern { topic } else { nil } }
}

/// A line in a reader's queue. A bridge line is optional when the reader may have been told already, before it
/// missed lines or gave up a topic.
struct Expected {
  var seq: UInt64
  var isOptional = false
}

struct ModelReader {
  var id: SubscriberID
  var scopes: Scope
  var limits: LagLimits
  var policy = SlowPolicy.resync
  /// Its policy is `disconnect`, or was when it may have been found too slow.
  var mayBeClosed = false
  var joined: UInt64
  /// Topics followed by name, with the first sequence number that counts.
  var follows: [TopicID: UInt64] = [:]
  var everythingFrom: UInt64?
  var excluded: Set<TopicID> = []
  var owed: Set<TopicID> = []
  var live: [Expected] = []
  /// Replays in the order they were asked for. They may be joined, but not so that an older line comes after a newer one.
  var replays: [[Expected]] = []
  var directed: [String] = []
  var given: Set<UInt64> = []
  var mayBeToldAgain = false
  var isMissing = false
  var isClosing = false

  /// The first line it still has to get.
  var firstDue: UInt64? {
    (replays.joined() + live).filter { !$0.isOptional }.map(\.seq).min()
  }

  func concerns(_ line: ModelLine, scopeOf: (TopicID) -> Scope) -> Bool {
    func isVisible(_ topic: TopicID) -> Bool {
      everythingFrom.map { $0 <= line.seq } ?? false && !excluded.contains(topic) && !scopeOf(topic).isDisjoint(with: scopes)
    }
    func counts(_ topic: TopicID) -> Bool {
      follows[topic].map { $0 <= line.seq } ?? isVisible(topic)
    }
    switch line.concern {
    case .topic(let topic):
      return counts(topic)
    case .bridgeToTopics(let topics):
      return topics.contains(where: counts)
    case .bridgeToScope(let scope):
      return (everythingFrom.map { $0 <= line.seq } ?? false && !scope.isDisjoint(with: scopes))
        || follows.contains { !scopeOf($0.key).isDisjoint(with: scope) && $0.value <= line.seq }
    case .bridgeToEveryone:
      return line.seq >= joined || (everythingFrom.map { $0 <= line.seq } ?? false)
        || follows.contains { $0.value <= line.seq }
    }
  }
}
