// An account whose sub-accounts are followed with it (`users: all`): Kraken tells what happens from now on, and sends
// no snapshot of what is.
//
// What is not known must not look like nothing: snapshots made of what has come so far say `partial`, and the one view
// that would be wrong without a beginning, the list of open orders, is refused.

import BridgeWire
import KrakenSession
import KrakenWire
import MarketData

extension Bridge {
  /// The feed is live, and nothing is known of what was before.
  func begin(_ feed: Feed, now: Moment) {
    feed.begin(isPartial: true)
    feed.receivedWall = now.wall
    for topic in feed.topics { publishSnapshot(topic, now: now) }
    if feed is ExecutionFeed { perform(orders.desk.beganWithoutSnapshot(now: now), now: now) }
  }

  /// The private connection is made anew, with everything asked for in the new words, whatever came of the old ones.
  func accountChanged(now: Moment) {
    let upstream = upstream(.private)
    if upstream.isRunning { perform(upstream.stop(now: now), upstream, now: now) }
    upstream.session.use(configuration.account)
    for topic in catalog.sorted
    where topic.upstreamName == .private && topic.stale?.reason == StaleReason.refused.rawValue {
      topic.stale = Staleness(reason: StaleReason.upstreamLost.rawValue)
    }
    markUntold(now: now)
    tend(upstream, now: now)
  }

  /// Whoever follows what can not be told any more hears so.
  func markUntold(now: Moment) {
    guard let untold = staleness(of: .openOrders) else { return }
    let topics = catalog.sorted.filter { $0.key.channel == .openOrders }
    if !topics.isEmpty { markStale(topics, untold, now: now) }
  }

  func staleness(of channel: BridgeChannel) -> Staleness? {
    configuration.account.fault(of: channel).map { Staleness(reason: StaleReason.refused.rawValue, error: $0) }
  }

  func checkTold(_ key: TopicKey) throws(RequestFault) {
    if let fault = configuration.account.fault(of: key.channel) { throw RequestFault(.notConfigured, fault) }
  }
}

extension AccountParameters {
  /// Why a channel can not be told with these parameters; nil if it can.
  func fault(of channel: BridgeChannel) -> String? {
    guard channel == .openOrders, snapshot(of: .executions) == .none else { return nil }
    return """
      open_orders needs the snapshot that Kraken does not send with account.users: all; \
      follow executions, or take account.users out of the configuration
      """
  }
}

extension PinnedSubscription {
  /// The same for what a configuration names.
  public func fault(with account: AccountParameters) -> String? {
    BridgeChannel(rawValue: channel.lowercased()).flatMap { account.fault(of: $0) }
  }
}
