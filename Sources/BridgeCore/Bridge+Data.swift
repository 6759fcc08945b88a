// Kraken's data into feeds, and from feeds into the log: the path every market message takes.
//
// A message was validated whole before anything here looks at it. Nothing is published of a message that does not
// verify; whatever was published before it is marked stale first.

import BridgeWire
import FanOut
import JSONText
import KrakenSession
import KrakenWire
import MarketData

extension Bridge {
  func take(_ message: KrakenData, _ upstream: Upstream, now: Moment) {
    // A channel that is not served here was not asked for here.
    guard UpstreamName(message.channel) == upstream.name else { return }
    receivedText.set(wall: now.wall)
    switch message.channel {
    case .ticker: for item in message.items { takeTicker(item, message, upstream, now: now) }
    case .book: for item in message.items { takeBook(item, message, upstream, now: now) }
    case .trade, .ohlc: takeSeries(message, upstream, now: now)
    case .instrument: takeInstrument(message, upstream, now: now)
    case .status, .heartbeat: break  // the session keeps these to itself
    case .executions: takeExecutions(message, upstream, now: now)
    case .balances: takeBalances(message, upstream, now: now)
    case .level3: for item in message.items { takeOrderQueues(item, message, upstream, now: now) }
    }
  }

  /// Calls `body` with the item's symbol, escapes resolved; nil when it has none.
  @inline(__always)
  private func withSymbol<R>(of item: JSONValue, _ body: (UnsafeRawBufferPointer) -> R) -> R? {
    guard let symbol = item["symbol"], symbol.kind == .string else { return nil }
    guard symbol.hasEscapes else { return body(symbol.contents) }
    guard var text = symbol.string else { return nil }
    return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
  }

  @inline(__always)
  func admit(
    _ item: JSONValue, _ message: KrakenData, _ upstream: Upstream, interval: Int? = nil, now: Moment
  ) -> Admission? {
    withSymbol(of: item) {
      upstream.session.admit(message.channel, symbol: $0, interval: interval, isSnapshot: message.isSnapshot, now: now)
    }
  }

  // MARK: Ticker and spread

  private func takeTicker(_ item: JSONValue, _ message: KrakenData, _ upstream: Upstream, now: Moment) {
    guard case .acceptTicker(let trades, let bbo, let becameLive)? = admit(item, message, upstream, now: now),
      let feed = (trades ?? bbo).flatMap({ upstream.feed(of: $0) }) as? TickerFeed
    else { return }
    feed.receivedWall = now.wall
    let probed = stateBeforeProbe(feed, message)
    let spreadChanged = feed.take(item)
    if let probed, let id = trades ?? bbo { judgeProbe(feed, id, upstream, before: probed) }
    for topic in feed.topics where topic.upstream == trades || topic.upstream == bbo {
      if becameLive && !topic.isLive || message.isSnapshot || !topic.isLive {
        publishSnapshot(topic, now: now)
      } else if topic.key.channel == .spread {
        guard spreadChanged else { continue }
        feed.spread.withUnsafeBytes { data in
          publishUpdate(topic, time: item["timestamp"], bytesMax: data.count, now: now) { $0.append(bytes: data) }
        }
      } else {
        publishItem(topic, item, time: item["timestamp"], now: now)
      }
    }
  }

  // MARK: Book

  private func takeBook(_ item: JSONValue, _ message: KrakenData, _ upstream: Upstream, now: Moment) {
    guard case .accept(let id, _)? = admit(item, message, upstream, now: now),
      let feed = upstream.feed(of: id) as? BookFeed
    else { return }
    let probed = stateBeforeProbe(feed, message)
    do throws(BookFault) {
      try feed.take(item, isSnapshot: message.isSnapshot)
    } catch {
      return perform(upstream.session.topicFailed(id, TopicFault(error), now: now), upstream, now: now)
    }
    if let probed { judgeProbe(feed, id, upstream, before: probed) }
    feed.receivedWall = now.wall
    for topic in feed.topics where topic.upstream == id {
      if message.isSnapshot || !topic.isLive {
        publishSnapshot(topic, now: now)
      } else if topic.key.depth == feed.depth {
        publishItem(topic, item, time: item["timestamp"], now: now)
      } else if let view = topic.key.depth, feed.book.hasChanges(view: view) {
        line.removeAll()
        feed.writeChange(view: view, into: &line)
        line.withUnsafeBytes { data in
          publishUpdate(topic, time: item["timestamp"], bytesMax: data.count, now: now) { $0.append(bytes: data) }
        }
      }
    }
  }

  // MARK: Probes of silent topics

  /// What was known of a topic that had gone silent, when its new snapshot is about to replace it.
  private func stateBeforeProbe(_ feed: Feed, _ message: KrakenData) -> [UInt8]? {
    guard message.isSnapshot, feed.topics.contains(where: { $0.stale?.reason == StaleReason.silent.rawValue })
    else { return nil }
    return state(of: feed)
  }

  /// The session doubles a topic's patience with each probe that found nothing wrong; this one may have.
  private func judgeProbe(_ feed: Feed, _ id: UpstreamTopicID, _ upstream: Upstream, before: [UInt8]) {
    if state(of: feed) != before { upstream.session.probeFoundChange(id) }
  }

  private func state(of feed: Feed) -> [UInt8] {
    var bytes = JSONBytes()
    for topic in feed.topics { feed.writeState(of: topic, into: &bytes) }
    return bytes.bytes
  }

  // MARK: Trades and candles

  /// Each item is a line of its own; a snapshot's items are one line for each pair they belong to.
  private func takeSeries(_ message: KrakenData, _ upstream: Upstream, now: Moment) {
    var current: (symbol: JSONValue, interval: Int64?)?
    var feed: Feed?
    for item in message.items {
      guard let symbol = item["symbol"], symbol.kind == .string else { continue }
      let interval = message.channel == .ohlc ? item["interval"]?.int64 : nil
      let continues = current.map { $0.interval == interval && sameBytes($0.symbol.text, symbol.text) } ?? false
      if !message.isSnapshot || !continues {
        if message.isSnapshot, let feed { publishSnapshots(feed, now: now) }
        feed = admitSeries(item, message, upstream, interval: interval, now: now)
        current = (symbol, interval)
      }
      guard let feed else { continue }
      feed.receivedWall = now.wall
      (feed as? TradeFeed)?.take(item)
      (feed as? CandleFeed)?.take(item, messageTime: message.timestamp)
      guard !message.isSnapshot else { continue }
      for topic in feed.topics {
        if topic.isLive {
          publishItem(topic, item, time: message.timestamp ?? item["timestamp"], now: now)
        } else {
          publishSnapshot(topic, now: now)
        }
      }
    }
    if message.isSnapshot, let feed { publishSnapshots(feed, now: now) }
  }

  private func admitSeries(
    _ item: JSONValue, _ message: KrakenData, _ upstream: Upstream, interval: Int64?, now: Moment
  ) -> Feed? {
    guard
      case .accept(let id, let becameLive)? = admit(
        item, message, upstream, interval: interval.flatMap { Int(exactly: $0) }, now: now)
    else { return nil }
    let feed = upstream.feed(of: id)
    // Without a snapshot a new subscription starts from nothing: what was known before has a hole after it.
    if message.isSnapshot || becameLive {
      (feed as? TradeFeed)?.reset()
      (feed as? CandleFeed)?.reset()
    }
    return feed
  }

  private func publishSnapshots(_ feed: Feed, now: Moment) {
    for topic in feed.topics { publishSnapshot(topic, now: now) }
  }

  // MARK: Instruments

  private func takeInstrument(_ message: KrakenData, _ upstream: Upstream, now: Moment) {
    guard
      case .accept = upstream.session.admit(
        .instrument, symbol: UnsafeRawBufferPointer(start: nil, count: 0), interval: nil,
        isSnapshot: message.isSnapshot, now: now)
    else { return }
    instruments.receivedWall = now.wall
    let changes = instruments.take(message.data, isSnapshot: message.isSnapshot)
    makeWantedInstrumentTopics(changes, now: now)
    for topic in instruments.topics {
      let known = topic.key.isAsset ? instruments.assets[topic.key.name] : instruments.pairs[topic.key.name]
      guard let known else { continue }
      if message.isSnapshot || !topic.isLive {
        publishSnapshot(topic, now: now)
      } else if (topic.key.isAsset ? changes.assets : changes.pairs).contains(topic.key.name) {
        known.bytes.withUnsafeBytes { data in
          publishUpdate(topic, time: nil, bytesMax: data.count, now: now) { $0.append(bytes: data) }
        }
      }
    }
    for symbol in changes.pairs { pairChanged(symbol, now: now) }
  }

  /// A pair that Kraken has taken off its list cannot come back by asking again; one that is back can.
  private func pairChanged(_ symbol: String, now: Moment) {
    guard let record = instruments.pairs[symbol] else { return }
    for channel in [KrakenChannel.book, .level3] {
      (catalog.feed(FeedKey(channel: channel, symbol: symbol)) as? DepthFeed)?.setPrecision(record.precision)
    }
    let delisted = Staleness(delisted: symbol)
    if record.status == "delisted" {
      delistedPairs.insert(symbol)
      for name in UpstreamName.allCases {
        let topics = catalog.sorted.filter {
          $0.key.name == symbol && $0.upstreamName == name && $0.key.channel != .instrument
            && $0.stale?.reason != StaleReason.refused.rawValue
        }
        if !topics.isEmpty { markStale(topics, delisted, now: now) }
      }
    } else {
      for upstream in upstreams { upstream.session.retryRefused(symbol: symbol, now: now) }
      guard delistedPairs.remove(symbol) != nil else { return }
      for topic in catalog.sorted where topic.key.name == symbol && topic.stale == delisted {
        // Kraken still has the subscription, or never told; a fresh one brings the snapshot that makes it live.
        topic.stale = nil
        if let id = topic.upstream { upstream(of: topic).session.resubscribe(id, now: now) }
      }
    }
  }
}

extension TopicFault {
  init(_ fault: BookFault) {
    switch fault {
    case .crossed: self = .crossed
    case .checksum: self = .checksum
    default: self = .malformed
    }
  }
}
