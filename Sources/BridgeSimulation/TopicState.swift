// What a topic's data says at one moment, as a digest that can be compared: the judge keeps one for what Kraken has
// said and one for what a reader has been told, and they have to be equal.

/// The newest items of a series, each as a digest under its own key.
struct SeriesState {
  private(set) var items: [(key: Int, digest: UInt64)] = []
  let kept: Int

  init(kept: Int) { self.kept = kept }

  mutating func append(key: Int, _ digest: UInt64) {
    items.append((key, digest))
    if items.count > kept { items.removeFirst(items.count - kept) }
  }

  /// Replaces the item with this key wherever it is; a new one takes its place in the order of keys.
  mutating func set(key: Int, _ digest: UInt64) {
    let place = items.lastIndex { $0.key <= key }
    if let place, items[place].key == key {
      items[place].digest = digest
    } else {
      items.insert((key, digest), at: place.map { $0 + 1 } ?? 0)
      if items.count > kept { items.removeFirst(items.count - kept) }
    }
  }

  var digest: UInt64 {
    var digest = Digest()
    for item in items { digest.feed(item.digest) }
    return digest.value
  }
}

/// The rules of each channel: how data become state. `update` and `snapshot` take the `data` of a line, or an item of
/// Kraken's, which says the same under two more keys.
enum TopicState {
  case book(ReplayedBook)
  case series(SeriesState)
  case orders(OrderRecords)
  case balances(BalanceRecords)
  case queue(ReplayedQueue)
  case value(UInt64)

  static let tradesKept = 50
  static let candlesKept = 720
  /// What the bridge moves from an item to the line's envelope.
  static let envelope: [StaticString] = ["symbol", "timestamp"]

  static func empty(_ topic: TopicName) -> TopicState {
    switch topic.channel {
    case .book: .book(ReplayedBook(depth: topic.parameter))
    case .trade: .series(SeriesState(kept: tradesKept))
    case .ohlc: .series(SeriesState(kept: candlesKept))
    case .executions, .openOrders, .ownTrades: .orders(OrderRecords(topic))
    case .balances: .balances(BalanceRecords())
    case .level3: .queue(ReplayedQueue(depth: topic.parameter))
    default: .value(0)
    }
  }

  var digest: UInt64 {
    switch self {
    case .book(let book): book.digest(depth: book.depth)
    case .series(let series): series.digest
    case .orders(let orders): orders.digest
    case .balances(let balances): balances.digest
    case .queue(let queue): queue.digest(depth: queue.depth)
    case .value(let digest): digest
    }
  }

  /// What a line changes.
  /// - Returns: what is wrong with the data, or nil.
  mutating func update(_ event: ReadLine.Event) -> String? {
    guard case .orders(var orders) = self else { return update(event.topic, event.data) }
    self = .value(0)
    defer { self = .orders(orders) }
    return orders.update(event.data, symbol: event.symbol, time: event.time)
  }

  mutating func update(_ topic: TopicName, _ data: WireValue) -> String? {
    switch self {
    case .orders: return "an order's line needs its envelope"
    case .queue(var queue):
      self = .value(0)
      defer { self = .queue(queue) }
      return queue.apply(data)
    case .balances(var balances):
      defer { self = .balances(balances) }
      return balances.update(data)
    case .book(var book):
      self = .value(0)  // so that the levels are changed in place
      let fault = book.apply(data)
      self = .book(book)
      return fault
    case .series(var series):
      self = .value(0)
      defer { self = .series(series) }
      return Self.add(data, to: &series, topic)
    case .value where topic.channel == .spread:
      self = .value(UpstreamModel.spreadDigest(data))
      var extra: String?
      data.forEachMember { key, _ in if !UpstreamModel.isSpreadKey(key) { extra = "\(key.string ?? "") in a spread" } }
      return extra
    case .value:
      self = .value(data.digest(without: Self.envelope))
      return nil
    }
  }

  static func snapshot(_ topic: TopicName, _ data: WireValue) -> (state: TopicState, fault: String?) {
    var state = empty(topic)
    switch state {
    case .book, .queue, .value:
      guard data.kind == .object else { return (state, "a snapshot's data must be an object") }
      let fault = state.update(topic, data)
      return (state, fault)
    case .orders(var orders):
      guard data.kind == .array else { return (state, "a snapshot's data must be an array") }
      let fault = orders.begin(data)
      return (.orders(orders), fault)
    case .balances(var balances):
      guard data.kind == .array else { return (state, "a snapshot's data must be an array") }
      let fault = balances.begin(data)
      return (.balances(balances), fault)
    case .series(var series):
      guard data.kind == .array else { return (state, "a snapshot's data must be an array") }
      var fault: String?
      data.forEachElement { fault = fault ?? add($0, to: &series, topic) }
      state = .series(series)
      return (state, fault)
    }
  }

  static func add(_ item: WireValue, to series: inout SeriesState, _ topic: TopicName) -> String? {
    if topic.channel == .trade {
      guard let id = item["trade_id"]?.int else { return "a trade without trade_id" }
      // Inside a snapshot a trade keeps its time; a line has it in its envelope.
      series.append(key: id, item.digest(without: envelope))
    } else {
      guard let begin = item["interval_begin"] else { return "a candle without interval_begin" }
      // ISO 8601 texts of one length order like the times they mean: their digits are the key.
      let key = begin.slice.prefix(19).reduce(0) { $1 >= 0x30 && $1 <= 0x39 ? $0 * 10 + Int($1 - 0x30) : $0 }
      series.set(key: key, item.digest(without: envelope))
    }
    return nil
  }
}

extension ReplayedBook {
  /// Applies a message and verifies what can be verified.
  mutating func apply(_ data: WireValue) -> String? {
    guard let levels = data.levels else { return "a level that is no pair of plain decimals" }
    apply(levels)
    guard let claimed = data["checksum"]?.int else { return "no checksum" }
    if isCrossed { return "crossed: best bid \(bids[0].price), best ask \(asks[0].price)" }
    let checksum = checksum
    return Int(checksum) == claimed ? nil : "checksum \(claimed) said, \(checksum) computed"
  }

  mutating func apply(_ levels: [(isBid: Bool, level: Level)]) {
    for (isBid, level) in levels { set(isBid: isBid, level) }
    cut()
  }
}
