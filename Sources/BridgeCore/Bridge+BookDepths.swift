// Every depth of a pair rides on one subscription at the largest depth wanted.
//
// Kraken allows one depth per pair and connection, so changing it means leaving the old one first: readers of the other
// depths are told with `stale`, and get a snapshot when the book at the new depth has come. If Kraken refuses the
// largest depth, only its own readers go without: the others fall back to the next one, and the refused depth is tried
// again after the pause that every refusal has, or with the next connection.

import FanOut
import KrakenSession
import KrakenWire
import MarketData

extension Bridge {
  /// Reason of `stale` while a book is fetched again at another depth.
  static let resubscribing = "resubscribing"

  /// Puts the topic on the pair's subscription, which is made deeper if need be.
  func attachBook(_ topic: Topic, _ upstream: Upstream, now: Moment) {
    guard let feed = topic.feed as? DepthFeed, let depth = topic.key.depth else { return }
    guard let id = feed.upstream, depth <= feed.depth else { return fetch(feed, depth: depth, upstream, now: now) }
    topic.upstream = id
    topic.isLive = upstream.isLive(id) && feed.isUsable
    feed.refreshViews()
  }

  private func fetch(_ feed: DepthFeed, depth: Int, _ upstream: Upstream, now: Moment) {
    let live = feed.topics.filter(\.isLive)
    if let old = feed.upstream {
      upstream.bind(old, to: nil)
      upstream.session.unwant(old, now: now)
    }
    feed.restart(depth: depth)
    let id = upstream.session.want(
      UpstreamTopic(channel: feed.key.channel, symbol: feed.key.symbol, depth: depth), now: now)
    upstream.bind(id, to: feed)
    for topic in feed.topics { topic.upstream = topic.key.depth.map { $0 <= depth } ?? false ? id : nil }
    if !live.isEmpty { markStale(live, Staleness(reason: Self.resubscribing), now: now) }
  }

  // MARK: Refused depths

  /// Kraken refused what these topics ride on; shallower books move to a subscription of their own.
  /// - Returns: the topics that are refused.
  func keepShallowerBooks(_ topics: [Topic], _ upstream: Upstream, now: Moment) -> [Topic] {
    guard let feed = topics.first?.feed as? DepthFeed, !delistedPairs.contains(feed.key.symbol),
      let next = topics.compactMap(\.key.depth).filter({ $0 < feed.depth }).max()
    else { return topics }
    let refused = topics.filter { $0.key.depth == feed.depth }
    fetch(feed, depth: next, upstream, now: now)
    let deadline = now.monotonic + configuration.session.refusedPause.nanoseconds
    for topic in refused { refusedDepths.append((deadline, topic.id)) }
    return refused
  }

  /// Tries those again whose pause is over.
  func retryRefusedDepths(now: Moment) {
    while let first = refusedDepths.first, first.deadline <= now.monotonic {
      refusedDepths.removeFirst()
      retryRefusedDepth(first.topic, now: now)
    }
  }

  /// The next connection is asked for every depth again: nobody is disturbed by that.
  func retryRefusedDepths(of upstream: Upstream, now: Moment) {
    let due = refusedDepths.map(\.topic).filter { catalog[$0]?.upstreamName == upstream.name }
    refusedDepths.removeAll { due.contains($0.topic) }
    for topic in due { retryRefusedDepth(topic, now: now) }
  }

  private func retryRefusedDepth(_ id: TopicID, now: Moment) {
    guard let topic = catalog[id], topic.upstream == nil else { return }
    attachBook(topic, upstream(of: topic), now: now)
  }
}

extension DepthFeed {
  /// What its topics ride on, but for those whose depth was refused.
  fileprivate var upstream: UpstreamTopicID? { topics.lazy.compactMap(\.upstream).first }
}
