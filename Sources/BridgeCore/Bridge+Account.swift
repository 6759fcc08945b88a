// The account's data: executions, balances and level-3 books, and the tokens that open their connections.

import BridgeWire
import FanOut
import JSONText
import KrakenSession
import KrakenWire
import MarketData

/// What came of a request for a token.
public enum TokenOutcome: Sendable {
  case token(Secret)
  /// - Parameter mayRetry: false when the credentials themselves are at fault: nothing is tried until they change.
  case failed(String, mayRetry: Bool)
}

extension Bridge {
  // MARK: Connecting only when somebody wants something

  func tendUpstreams(now: Moment) {
    for upstream in upstreams { tend(upstream, now: now) }
  }

  /// Starts or stops the conversation as its topics ask for.
  func tend(_ upstream: Upstream, now: Moment) {
    let isDue = upstream.isEnabled && !upstream.isHalted && upstream.isWanted && !isShuttingDown && hasStarted
    guard isDue != upstream.isRunning else { return }
    if isDue { upstream.start(now: now) } else { perform(upstream.stop(now: now), upstream, now: now) }
  }

  func stopUpstreams(now: Moment) {
    for upstream in upstreams where upstream.isRunning { perform(upstream.stop(now: now), upstream, now: now) }
  }

  /// The answer to `BridgeAction.requestToken`.
  public func tokenArrived(_ name: UpstreamName, _ outcome: TokenOutcome, now: Moment) {
    let upstream = upstream(name)
    switch outcome {
    case .token(let token):
      upstream.session.tokenArrived(token, now: now)
      upstream.hadOutcome = true
      if name == .private, let token = upstream.session.token { tradingOnline(token, now: now) }
    case .failed(let why, let mayRetry):
      let actions = upstream.session.tokenFailed(why, isFinal: !mayRetry, now: now)
      if !mayRetry, !actions.isEmpty { upstream.halted() }
      perform(actions, upstream, now: now)
    }
  }

  /// Credentials came, went or were replaced: account connections are made anew with them.
  public func credentialsChanged(_ available: Bool, now: Moment) {
    configuration.hasCredentials = available
    for upstream in upstreams where upstream.name != .public {
      if upstream.isRunning { perform(upstream.stop(now: now), upstream, now: now) }
      upstream.isHalted = false
      upstream.isEnabled = available
      if upstream.name == .private { makeStandingExecutions(now: now) }
      tend(upstream, now: now)
    }
  }

  // MARK: Executions

  /// Who trades needs to know what becomes of orders, whether or not anybody reads it.
  func makeStandingExecutions(now: Moment) {
    let key = FeedKey(channel: .executions, symbol: "")
    let upstream = upstream(.private)
    guard configuration.trading.isEnabled, configuration.hasCredentials else {
      guard let feed = catalog.feed(key), feed.isStanding else { return }
      feed.isStanding = false
      guard feed.topics.isEmpty else { return }
      let id = upstream.session.want(.executions, now: now)
      upstream.bind(id, to: nil)
      upstream.session.unwant(id, now: now)
      catalog.remove(feed)
      return tend(upstream, now: now)
    }
    let feed = catalog.feed(key) ?? ExecutionFeed(key)
    feed.isStanding = true
    catalog.insert(feed)
    upstream.bind(upstream.session.want(.executions, now: now), to: feed)
    tend(upstream, now: now)
  }

  func takeExecutions(_ message: KrakenData, _ upstream: Upstream, now: Moment) {
    guard let feed: ExecutionFeed = admitted(message, upstream, now: now) else { return }
    for item in message.items {
      guard let event = feed.take(item, isSnapshot: message.isSnapshot) else { continue }
      guard !message.isSnapshot else { continue }
      for topic in feed.topics where topic.isLive {
        line.removeAll()
        guard feed.write(event, item, for: topic, into: &line) else { continue }
        publishLine(topic, symbol: event.symbol, time: item["timestamp"], now: now)
      }
      perform(orders.desk.executed(item, now: now), now: now)
    }
    guard message.isSnapshot else { return }
    for topic in feed.topics { publishSnapshot(topic, now: now) }
    perform(orders.desk.snapshotTaken(message.items, now: now), now: now)
  }

  // MARK: Balances

  func takeBalances(_ message: KrakenData, _ upstream: Upstream, now: Moment) {
    guard let feed: BalanceFeed = admitted(message, upstream, now: now) else { return }
    for item in message.items {
      feed.take(item, isSnapshot: message.isSnapshot)
      guard !message.isSnapshot else { continue }
      for topic in feed.topics where topic.isLive {
        line.removeAll()
        line.append(item: item, except: isEnvelopeKey)
        publishLine(topic, symbol: nil, time: item["timestamp"], now: now)
      }
    }
    if message.isSnapshot { for topic in feed.topics { publishSnapshot(topic, now: now) } }
  }

  /// The feed of a numbered message that can be used. Whatever begins a subscription voids what was known before.
  private func admitted<F: Feed>(_ message: KrakenData, _ upstream: Upstream, now: Moment) -> F? {
    let (admission, actions) = upstream.session.admit(message, now: now)
    perform(actions, upstream, now: now)
    guard case .accept(let id, let becameLive) = admission, let feed = upstream.feed(of: id) as? F else { return nil }
    if message.isSnapshot { feed.begin(isPartial: false) } else if becameLive { begin(feed, now: now) }
    feed.receivedWall = now.wall
    return feed
  }

  /// An update whose data is in `line`.
  private func publishLine(_ topic: Topic, symbol: String?, time: JSONValue?, now: Moment) {
    let prefix = symbol.map { Line.prefix(topic.key, type: "update", symbol: $0) }
    line.withUnsafeBytes { data in
      publishUpdate(topic, prefix: prefix, time: time, bytesMax: data.count, now: now) { $0.append(bytes: data) }
    }
  }

  // MARK: Level 3

  /// Kraken's limit on one connection. Source: docs.kraken.com, WebSocket v2 `level3`.
  static let orderQueuesMax = 200

  func checkOrderQueues(_ key: TopicKey) throws(RequestFault) {
    guard key.channel == .level3, catalog.feed(FeedKey(key)) == nil else { return }
    let carried = catalog.sorted.count { $0.key.channel == .level3 && $0.feed.topics.first === $0 }
    guard carried >= Self.orderQueuesMax else { return }
    throw RequestFault(.limitExceeded, "Kraken allows level3 of \(Self.orderQueuesMax) symbols, and so many are carried")
  }

  func takeOrderQueues(_ item: JSONValue, _ message: KrakenData, _ upstream: Upstream, now: Moment) {
    guard case .accept(let id, _)? = admit(item, message, upstream, now: now),
      let feed = upstream.feed(of: id) as? OrderQueueFeed
    else { return }
    do throws(BookFault) {
      try feed.take(item, isSnapshot: message.isSnapshot)
    } catch {
      return perform(upstream.session.topicFailed(id, TopicFault(error), now: now), upstream, now: now)
    }
    feed.receivedWall = now.wall
    var written: Set<Int> = []
    for topic in feed.topics where topic.upstream == id {
      if message.isSnapshot || !topic.isLive {
        feed.restartView(depth: topic.key.depth)
        publishSnapshot(topic, now: now)
      } else if topic.key.depth == feed.depth {
        publishItem(topic, item, time: item["timestamp"], now: now)
      } else if let depth = topic.key.depth, written.insert(depth).inserted {
        line.removeAll()
        guard feed.writeChange(view: depth, into: &line) else { continue }
        publishLine(topic, symbol: nil, time: item["timestamp"], now: now)
      }
    }
  }
}
