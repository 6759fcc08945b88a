// What Kraken has said, read by the judge from the very messages that the bridge was given. The bridge is right if
// whatever it shows as live says the same; the exchange may lie (faults), and then nobody can know better than this.
//
// It also reads every request of the bridge: how fast they come, and whether anything is asked for twice.

import KrakenSession
import MarketData

struct UpstreamModel {
  struct Subscription {
    /// When it was asked for and not answered yet, and by which request: answers to earlier ones may come late or twice.
    var askedAt: Int64?
    var request: Int
    var isGranted = false
  }

  struct Book {
    var replay: ReplayedBook
    /// What is wrong with it; it cannot be live then.
    var fault: String?
  }

  /// Everything of one symbol; keys of series are `trade` and `ohlc` topics.
  struct Market {
    var book: Book?
    /// The same by order.
    var queue: (replay: ReplayedQueue, fault: String?)?
    /// The depth asked for; nil while nothing is asked for.
    var bookDepth: Int?
    var ticker: UInt64?
    var spread: UInt64?
    var series: [TopicName: SeriesState] = [:]
  }

  var subscriptions: [UpstreamTopicName: Subscription] = [:]
  private(set) var markets: [String: Market] = [:]
  private(set) var instruments: [TopicName: UInt64] = [:]
  private(set) var status: UInt64?
  /// What numbered channels have said.
  var account = AccountModel()
  private(set) var isOpen = false
  /// Book messages that do not verify, by symbol: more books than that cannot have failed.
  private(set) var bookFaults: [String: Int] = [:]
  /// When the last message about a symbol's book came.
  private(set) var bookHeardAt: [String: Int64] = [:]
  /// Symbols whose data changed since `takeTouched`; `*` for everything.
  var touched: Set<String> = []
  private var requests: [Int: (isSubscribe: Bool, names: [UpstreamTopicName])] = [:]
  private var pace: RequestPace
  private let answerDeadline: Int64

  init(_ session: SessionConfiguration, account: AccountModel = AccountModel()) {
    pace = RequestPace(burst: session.requestBurst, perSecond: session.requestsPerSecond)
    answerDeadline = session.answerDeadline.nanoseconds
    self.account = account
  }

  mutating func takeTouched() -> Set<String> {
    defer { touched.removeAll(keepingCapacity: true) }
    return touched
  }

  // MARK: The connection

  mutating func opened() { isOpen = true }

  mutating func closed() {
    isOpen = false
    subscriptions = [:]
    requests = [:]
    for symbol in markets.keys { markets[symbol] = Market() }
    instruments = [:]
    status = nil
    account.forgetAll()
    touched.insert("*")
  }

  // MARK: What the bridge asks

  /// - Returns: what is wrong with the request, or nil.
  mutating func asked(_ bytes: [UInt8], now: Int64) -> String? {
    guard pace.spend(now: now) else { return "a request beyond the rate" }
    guard let root = WireText(bytes)?.root, let method = root["method"]?.string else { return "an unreadable request" }
    guard let id = root["req_id"]?.int else { return "a request without req_id" }
    guard method != "ping" else { return nil }
    guard method == "subscribe" || method == "unsubscribe" else { return "a request of a method that is not its" }
    guard requests[id] == nil else { return "req_id \(id) is used twice" }
    guard let params = root["params"], let names = Self.names(params) else { return "a request without topics" }
    requests[id] = (method == "subscribe", names)
    for name in names {
      if let fault = method == "subscribe" ? subscribed(name, by: id, now: now) : unsubscribed(name) { return fault }
    }
    return nil
  }

  private static func names(_ params: WireValue) -> [UpstreamTopicName]? {
    guard let channel = params["channel"]?.string.flatMap(TopicName.Channel.init(rawValue:)) else { return nil }
    let parameter = params["depth"]?.int ?? params["interval"]?.int ?? 0
    let isBBO = params["event_trigger"]?.isEqual(to: "bbo") ?? false
    guard channel != .instrument, channel.link != .private else { return [UpstreamTopicName(channel, "")] }
    var names: [UpstreamTopicName] = []
    params["symbol"]?.forEachElement {
      names.append(UpstreamTopicName(channel, $0.string ?? "", parameter: parameter, isBBO: isBBO))
    }
    return names.isEmpty ? nil : names
  }

  private mutating func subscribed(_ name: UpstreamTopicName, by request: Int, now: Int64) -> String? {
    if let before = subscriptions[name] {
      if before.isGranted { return "\(name) is asked for although it is granted" }
      if let askedAt = before.askedAt, now - askedAt < answerDeadline { return "\(name) is asked for twice" }
    }
    if name.channel.hasDepth, let other = subscriptions.first(where: {
      $0.key.channel == name.channel && $0.key.symbol == name.symbol && $0.key.parameter != name.parameter
    }) {
      return "\(name) is asked for beside \(other.key)"
    }
    subscriptions[name] = Subscription(askedAt: now, request: request)
    forget(name)
    if name.channel.hasDepth { markets[name.symbol, default: Market()].bookDepth = name.parameter }
    return nil
  }

  private mutating func unsubscribed(_ name: UpstreamTopicName) -> String? {
    subscriptions[name] = nil
    forget(name)
    touched.insert(name.symbol)
    return nil
  }

  private mutating func forget(_ name: UpstreamTopicName) {
    switch name.channel {
    case .trade, .ohlc: markets[name.symbol]?.series[TopicName(name.channel, name.symbol, parameter: name.parameter)] = nil
    case .book, .level3:
      markets[name.symbol]?.book = nil
      markets[name.symbol]?.queue = nil
      markets[name.symbol]?.bookDepth = nil
    case .executions, .balances:
      account.forget(name.channel)
      touched.insert("")
    case .ticker where !isTickerSubscribed(name.symbol):
      markets[name.symbol]?.ticker = nil
      markets[name.symbol]?.spread = nil
    default: break
    }
  }

  private func isTickerSubscribed(_ symbol: String) -> Bool {
    subscriptions[UpstreamTopicName(.ticker, symbol)] != nil
      || subscriptions[UpstreamTopicName(.ticker, symbol, isBBO: true)] != nil
  }

  // MARK: What Kraken says

  mutating func received(_ bytes: [UInt8], now: Int64) {
    guard let text = WireText(bytes) else { return }
    let root = text.root
    if root["method"] != nil { return answered(root) }
    guard let data = root["data"] else { return }
    let isSnapshot = root["type"]?.isEqual(to: "snapshot") ?? false
    switch root["channel"]?.string {
    case "book": data.forEachElement { bookItem($0, isSnapshot: isSnapshot, now: now) }
    case "ticker": data.forEachElement { tickerItem($0) }
    case "trade": seriesItems(.trade, data, isSnapshot: isSnapshot)
    case "ohlc": seriesItems(.ohlc, data, isSnapshot: isSnapshot)
    case "instrument": instrumentItems(data, isSnapshot: isSnapshot)
    case "level3": data.forEachElement { queueItem($0, isSnapshot: isSnapshot, now: now) }
    case "executions": accountItems(.executions, root, data, isSnapshot: isSnapshot)
    case "balances": accountItems(.balances, root, data, isSnapshot: isSnapshot)
    case "status":
      status = data.lastElement?.digest() ?? status
      touched.insert("")
    default: break
    }
  }

  private mutating func answered(_ root: WireValue) {
    guard let id = root["req_id"]?.int, let request = requests[id] else { return }
    let symbol = root["result"]?["symbol"]?.string ?? root["symbol"]?.string
    for name in request.names where symbol == nil || symbol == name.symbol || name.symbol.isEmpty {
      guard request.isSubscribe, subscriptions[name]?.request == id else { continue }
      if root["success"]?.isTrue ?? false {
        subscriptions[name]?.isGranted = true
        subscriptions[name]?.askedAt = nil
      } else if root["error"]?.string?.hasPrefix("Already") ?? false {
        subscriptions[name]?.isGranted = true
      } else {
        subscriptions[name]?.askedAt = nil
        if subscriptions[name]?.isGranted == false { subscriptions[name] = nil }
      }
    }
  }

  private mutating func bookItem(_ item: WireValue, isSnapshot: Bool, now: Int64) {
    guard let symbol = item["symbol"]?.string, let depth = markets[symbol]?.bookDepth else { return }
    touched.insert(symbol)
    bookHeardAt[symbol] = now
    if isSnapshot { markets[symbol]?.book = Book(replay: ReplayedBook(depth: depth)) }
    guard var book = markets[symbol]?.book else { return }
    markets[symbol]?.book = nil
    book.fault = book.replay.apply(item) ?? book.fault
    if book.fault != nil { bookFaults[symbol, default: 0] += 1 }
    markets[symbol]?.book = book
  }

  private mutating func queueItem(_ item: WireValue, isSnapshot: Bool, now: Int64) {
    guard let symbol = item["symbol"]?.string, let depth = markets[symbol]?.bookDepth else { return }
    touched.insert(symbol)
    bookHeardAt[symbol] = now
    if isSnapshot { markets[symbol]?.queue = (ReplayedQueue(depth: depth), nil) }
    guard var queue = markets[symbol]?.queue else { return }
    markets[symbol]?.queue = nil
    queue.fault = queue.replay.apply(item) ?? queue.fault
    if queue.fault != nil { bookFaults[symbol, default: 0] += 1 }
    markets[symbol]?.queue = queue
  }

  private mutating func tickerItem(_ item: WireValue) {
    guard let symbol = item["symbol"]?.string, isTickerSubscribed(symbol) else { return }
    touched.insert(symbol)
    markets[symbol, default: Market()].ticker = item.digest(without: TopicState.envelope)
    markets[symbol]?.spread = Self.spreadDigest(item)
  }

  /// The digest of best bid and ask and their quantities, wherever else they stand among.
  static func spreadDigest(_ item: WireValue) -> UInt64 {
    var digest = Digest()
    item.forEachMember { key, value in
      guard isSpreadKey(key) else { return }
      digest.feed(key.slice)
      digest.feed(value.digest())
    }
    return digest.value
  }

  static func isSpreadKey(_ key: WireValue) -> Bool {
    key.isEqual(to: "bid") || key.isEqual(to: "bid_qty") || key.isEqual(to: "ask") || key.isEqual(to: "ask_qty")
  }

  private mutating func seriesItems(_ channel: TopicName.Channel, _ data: WireValue, isSnapshot: Bool) {
    var begun: Set<TopicName> = []
    data.forEachElement { item in
      guard let symbol = item["symbol"]?.string else { return }
      let topic = TopicName(channel, symbol, parameter: item["interval"]?.int)
      let name = UpstreamTopicName(channel, symbol, parameter: channel == .ohlc ? topic.parameter : 0)
      guard subscriptions[name] != nil else { return }
      touched.insert(symbol)
      let isFirst = isSnapshot && begun.insert(topic).inserted
      var market = markets[symbol, default: Market()]
      let kept = channel == .trade ? TopicState.tradesKept : TopicState.candlesKept
      var series = (isFirst ? nil : market.series[topic]) ?? SeriesState(kept: kept)
      _ = TopicState.add(item, to: &series, topic)
      market.series[topic] = series
      markets[symbol] = market
    }
  }

  private mutating func instrumentItems(_ data: WireValue, isSnapshot: Bool) {
    guard subscriptions[UpstreamTopicName(.instrument, "")] != nil else { return }
    touched.insert("")
    if isSnapshot { instruments = [:] }
    data["pairs"]?.forEachElement {
      guard let symbol = $0["symbol"]?.string else { return }
      instruments[TopicName(.instrument, symbol)] = $0.digest(without: ["symbol"])
    }
    data["assets"]?.forEachElement {
      guard let id = $0["id"]?.string else { return }
      instruments[TopicName(.instrument, id, isAsset: true)] = $0.digest()
    }
  }
}
