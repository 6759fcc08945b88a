// Which topics exist: those somebody asked for, those the configuration pins, and for a while those that were.
//
// A topic decides what is asked of Kraken. When the last reader has gone it lingers, so that a reader who comes back
// can resume, and only then is Kraken told.

import BridgeWire
import FanOut
import KrakenSession
import KrakenWire
import MarketData

extension Bridge {
  /// `status` and the instrument list are carried from the start: they cost little and everything leans on them.
  func makeStandingTopics(now: Moment) {
    let status = StatusFeed(FeedKey(channel: .status, symbol: ""))
    status.isStanding = true
    catalog.insert(status)
    let topic = makeTopic(TopicKey(.status), feed: status)
    topic.isPinned = true
    let instrument = InstrumentFeed(FeedKey(channel: .instrument, symbol: ""))
    instrument.isStanding = true
    catalog.insert(instrument)
    let upstream = upstream(.public)
    upstream.bind(upstream.session.want(.instrument, now: now), to: instrument)
    makeStandingExecutions(now: now)
  }

  var instruments: InstrumentFeed { feed(FeedKey(channel: .instrument, symbol: "")) }
  var statusFeed: StatusFeed { feed(FeedKey(channel: .status, symbol: "")) }

  private func feed<F: Feed>(_ key: FeedKey) -> F {
    guard let feed = catalog.feed(key) as? F else { preconditionFailure("standing feeds are made at start") }
    return feed
  }

  // MARK: Topics

  /// The topic, made and asked for at Kraken if it is new.
  func topic(_ key: TopicKey, now: Moment) -> Topic {
    if let topic = catalog[key] {
      topic.lingersUntil = nil
      return topic
    }
    let topic = makeTopic(key, feed: feed(for: key))
    attachUpstream(topic, now: now)
    // A view of what is carried already begins with a snapshot in the log, so that its next line has a `prev`.
    if topic.isLive { publishSnapshot(topic, receivedWall: topic.feed.receivedWall, now: now) }
    if let wildcardReaders = wildcardReaders(of: key) {
      for id in wildcardReaders { _ = fanOut.subscribe(id, to: topic.id, start: .snapshotOwed) }
    }
    return topic
  }

  private func makeTopic(_ key: TopicKey, feed: Feed) -> Topic {
    let saved = savedTopics.removeValue(forKey: key)
    let id = saved?.id ?? fanOut.addTopic(scope: key.channel.isAccount ? .account : .market)
    let topic = Topic(key, id: id, feed: feed, createdAfter: saved?.createdAfter ?? fanOut.lastSeq)
    catalog.insert(topic)
    return topic
  }

  private func wildcardReaders(of key: TopicKey) -> [SubscriberID]? {
    let readers = connections.values.filter { $0.wildcards.contains { $0.covers(key) } }.map(\.id)
    return readers.isEmpty ? nil : readers.sorted { $0.slot < $1.slot }
  }

  private func feed(for key: TopicKey) -> Feed {
    let feedKey = FeedKey(key)
    if let feed = catalog.feed(feedKey) { return feed }
    let feed: Feed
    switch key.channel {
    case .ticker, .spread: feed = TickerFeed(feedKey)
    case .trade: feed = TradeFeed(feedKey)
    case .ohlc: feed = CandleFeed(feedKey)
    case .book:
      let book = BookFeed(feedKey, depth: key.depth!)
      book.setPrecision(instruments.pairs[key.name]?.precision)
      feed = book
    case .instrument: feed = instruments
    case .status: feed = statusFeed
    case .executions, .ownTrades, .openOrders: feed = ExecutionFeed(feedKey)
    case .balances: feed = BalanceFeed(feedKey)
    case .level3:
      let book = OrderQueueFeed(feedKey, depth: key.depth!)
      book.setPrecision(instruments.pairs[key.name]?.precision)
      feed = book
    }
    catalog.insert(feed)
    return feed
  }

  /// Asks Kraken for what the topic needs.
  private func attachUpstream(_ topic: Topic, now: Moment) {
    let upstream = upstream(of: topic)
    switch topic.key.channel {
    case .status:
      topic.upstream = nil
    case .instrument:
      topic.upstream = upstream.session.want(.instrument, now: now)
      topic.isLive = instruments.record(of: topic.key) != nil && upstream.isLive(topic.upstream)
    case .book, .level3:
      attachBook(topic, upstream, now: now)
    default:
      let id = upstream.session.want(UpstreamTopic(topic.key), now: now)
      topic.upstream = id
      upstream.bind(id, to: topic.feed)
      topic.isLive = upstream.isLive(id)
    }
    tend(upstream, now: now)
    if let untold = staleness(of: topic.key.channel) {
      topic.isLive = false
      topic.stale = untold
      return
    }
    if delistedPairs.contains(topic.key.name), topic.key.channel != .instrument {
      topic.isLive = false
      topic.stale = Staleness(delisted: topic.key.name)
      return
    }
    if !topic.isLive, topic.upstream != nil, !upstream.isConnected, !upstream.isComingUp {
      topic.stale = Staleness(reason: StaleReason.upstreamLost.rawValue)
    }
  }

  // MARK: Wanted no more

  /// To be called after `demand` or a pin went down.
  func demandFell(_ topic: Topic, now: Moment) {
    guard !topic.isWanted, topic.lingersUntil == nil, !isKeptByInstrumentReaders(topic) else { return }
    let deadline = now.monotonic + configuration.limits.linger.nanoseconds
    topic.lingersUntil = deadline
    let index = lingering.lastIndex { $0.deadline <= deadline }.map { $0 + 1 } ?? 0
    lingering.insert((deadline, topic.id), at: index)
  }

  func dropLingering(now: Moment) {
    while let first = lingering.first, first.deadline <= now.monotonic {
      lingering.removeFirst()
      guard let topic = catalog[first.topic], topic.lingersUntil == first.deadline, !topic.isWanted,
        !isKeptByInstrumentReaders(topic)
      else { continue }
      drop(topic, now: now)
    }
  }

  private func drop(_ topic: Topic, now: Moment) {
    let feed = topic.feed
    let upstream = upstream(of: topic)
    let id = topic.upstream
    tellRemainingReaders(of: topic, now: now)
    catalog.remove(topic)
    fanOut.removeTopic(topic.id)
    if !feed.isStanding {
      if let id, !feed.topics.contains(where: { $0.upstream == id }) {
        upstream.bind(id, to: nil)
        upstream.session.unwant(id, now: now)
        tend(upstream, now: now)
      }
      if feed.topics.isEmpty { catalog.remove(feed) }
    }
    (feed as? DepthFeed)?.refreshViews()
  }

  /// Those who follow whatever there is make no demand, but must not take the last state for the present one.
  ///
  /// Who follows everything may still have lines of the topic before it, so the log tells. From all others the removal
  /// takes what they have not been given yet, this line in the log included: they are told one by one.
  private func tellRemainingReaders(of topic: Topic, now: Moment) {
    guard topic.isLive, fanOut.subscriberCount(of: topic.id) > 0 || wideInstrumentReaders > 0 else { return }
    markStale([topic], Staleness(reason: Self.dropped), now: now)
    line.removeAll()
    Line.stale(
      &line, seq: nil, reason: Self.dropped, upstream: topic.upstreamName.text, topics: [topic.key])
    for connection in connectionsInOrder
    where !connection.followsEverything && fanOut.isSubscribed(connection.id, to: topic.id) {
      send(to: connection.id)
    }
  }

  /// Reason of `stale` for a topic that is carried no more because nobody asks for it by name.
  static let dropped = "dropped"

  // MARK: Pins

  func applyPins(_ pins: [PinnedSubscription], replacing old: [PinnedSubscription] = [], now: Moment) {
    let next = Set(pins.flatMap(keys))
    for key in pins.flatMap(keys) { topic(key, now: now).isPinned = true }
    for key in old.flatMap(keys) where !next.contains(key) {
      guard let topic = catalog[key] else { continue }
      topic.isPinned = key.channel == .status
      demandFell(topic, now: now)
    }
  }

  /// The configuration was checked before it came here; what is wrong all the same names nothing.
  private func keys(_ pin: PinnedSubscription) -> [TopicKey] {
    guard let parameters = try? pin.parameters else { return [] }
    return parameters.keys.map(canonical)
  }

  /// Kraken's spelling, as far as the instrument list is known. Until then upper case, but for the `x` behind the name
  /// of a tokenized asset (`TSLAx/USD`).
  func canonical(_ key: TopicKey) -> TopicKey {
    var key = key
    guard !key.isAsset, !key.name.isEmpty else { return key }
    if let canonical = instruments.canonical(key.name) {
      key.name = canonical
    } else if !instruments.isKnown {
      let parts = key.name.split(separator: "/", omittingEmptySubsequences: false).map { part in
        part.hasSuffix("x") && part.dropLast().contains(where: \.isUppercase) ? String(part) : part.uppercased()
      }
      key.name = parts.joined(separator: "/")
    }
    return key
  }
}
