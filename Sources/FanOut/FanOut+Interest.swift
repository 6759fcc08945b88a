// Which lines are due to a subscriber. This is the one rule; delivery, counting what was missed and making
// room all walk the log through it.
//
// The cursor divides the log. Behind it, only a replay delivers: lines of the topics that are replayed, and
// bridge lines that concern them and that the subscriber has not been given for another reason. From the
// cursor on, lines of all topics followed are due, and bridge lines that concern any of them.

extension FanOut {
  /// Which side of the cursor is walked.
  enum Region {
    case replay
    case live
  }

  func isDue(_ entry: LogEntry, seq: UInt64, to subscriber: borrowing Subscriber, in region: Region) -> Bool {
    if let topic = entry.address.topic {
      return isTopicLineDue(topic, seq: seq, to: subscriber, in: region)
    }
    return isBridgeLineDue(entry.address, seq: seq, to: subscriber, in: region)
  }

  private func isTopicLineDue(_ topic: UInt32, seq: UInt64, to subscriber: borrowing Subscriber, in region: Region) -> Bool {
    let (place, isFound) = subscriber.search(topic)
    guard isFound else {
      guard region == .live, let everything = subscriber.everything else { return false }
      return seq >= everything.from && topic < everything.owedFrom
        && !subscriber.scopes.isDisjoint(with: topics[topic].scope)
    }
    let from = subscriber.subscriptions[place].from
    switch subscriber.subscriptions[place].state {
    case .following, .replayQueued: return region == .live && from <= seq
    case .replaying: return from <= seq
    case .owed, .missing, .excluded: return false
    }
  }

  func isBridgeLineDue(
    _ address: LineAddress, seq: UInt64, to subscriber: borrowing Subscriber, in region: Region
  ) -> Bool {
    var isReplayed = false
    var isFollowed = false
    func note(_ subscription: Subscription) {
      guard subscription.from <= seq else { return }
      switch subscription.state {
      case .replaying: isReplayed = true
      case .following, .owed: isFollowed = true
      case .replayQueued: isFollowed = isFollowed || region == .live
      case .missing, .excluded: break
      }
    }
    switch address.bridgeAudience {
    case .topic(let topic):
      if let subscription = subscriber.subscription(to: topic) {
        note(subscription)
      } else {
        isFollowed = isVisibleInEverything(topic, seq: seq, to: subscriber)
      }
    case .list:
      for topic in audienceLists[seq] {
        if let subscription = subscriber.subscription(to: topic) {
          note(subscription)
        } else if isVisibleInEverything(topic, seq: seq, to: subscriber) {
          isFollowed = true
        }
      }
    case .scope(let scope, let everyone):
      isFollowed = everyone && seq >= subscriber.toldFrom
      if let everything = subscriber.everything, seq >= everything.from, !subscriber.scopes.isDisjoint(with: scope) {
        isFollowed = true
      }
      for subscription in subscriber.subscriptions where !scope.isDisjoint(with: topics[subscription.topic].scope) {
        note(subscription)
      }
    }
    return region == .live ? isReplayed || isFollowed : isReplayed && !isFollowed
  }

  private func isVisibleInEverything(_ topic: UInt32, seq: UInt64, to subscriber: borrowing Subscriber) -> Bool {
    guard let everything = subscriber.everything else { return false }
    return seq >= everything.from && !subscriber.scopes.isDisjoint(with: topics[topic].scope)
  }

  /// Walks lines in order and hands those that are due to `body`, until that returns false.
  /// - Returns: the number of the first line that was not looked at, or that `body` refused.
  @inline(__always)
  func forEachDue(
    _ slot: UInt32, in range: Range<UInt64>, _ region: Region,
    _ body: (_ seq: UInt64, _ entry: LogEntry) -> Bool
  ) -> UInt64 {
    var seq = range.lowerBound
    while seq < range.upperBound {
      let entry = log.entry(seq)
      if isDue(entry, seq: seq, to: subscribers[Int(slot)], in: region), !body(seq, entry) { return seq }
      seq += 1
    }
    return seq
  }
}
