// What a topic must say as long as it is live, by what Kraken has said; and how fast Kraken may be asked.

extension UpstreamModel {
  enum Truth: Equatable {
    case digest(UInt64)
    /// It cannot be live, and why.
    case nothing(String)
  }

  func truth(_ topic: TopicName) -> Truth {
    guard isOpen else { return .nothing("there is no connection") }
    let market = markets[topic.symbol]
    switch topic.channel {
    case .book:
      guard let book = market?.book else { return .nothing("there was no snapshot since it was asked for") }
      if let fault = book.fault { return .nothing(fault) }
      guard topic.parameter <= book.replay.depth else { return .nothing("the book is only \(book.replay.depth) deep") }
      return .digest(book.replay.digest(depth: topic.parameter))
    case .level3:
      guard let queue = market?.queue else { return .nothing("there was no snapshot since it was asked for") }
      if let fault = queue.fault { return .nothing(fault) }
      guard topic.parameter <= queue.replay.depth else { return .nothing("the book is only \(queue.replay.depth) deep") }
      return .digest(queue.replay.digest(depth: topic.parameter))
    case .ticker: return market?.ticker.map { .digest($0) } ?? .nothing("there was no ticker since it was asked for")
    case .spread: return market?.spread.map { .digest($0) } ?? .nothing("there was no ticker since it was asked for")
    case .trade, .ohlc:
      guard let series = market?.series[topic] else { return .nothing("there were no data since it was asked for") }
      return .digest(series.digest)
    case .instrument: return instruments[topic].map { .digest($0) } ?? .nothing("there is no such instrument")
    case .executions, .openOrders, .ownTrades, .balances: return account.truth(topic)
    case .status: return status.map { .digest($0) } ?? .nothing("there was no status on this connection")
    }
  }
}

/// A bucket of requests like the one the exchange's limit means: a burst, and so many a second.
struct RequestPace {
  private let burst: Int
  private let interval: Int64
  private var fullAt = Int64.min

  init(burst: Int, perSecond: Int) {
    self.burst = burst
    interval = .second / Int64(perSecond)
  }

  mutating func spend(now: Int64) -> Bool {
    let full = max(fullAt, now)
    guard full - now <= interval * Int64(burst - 1) else { return false }
    fullAt = full + interval
    return true
  }
}
