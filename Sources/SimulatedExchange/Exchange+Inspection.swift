// What a test or an independent judge may look at: the true state, in Kraken's digits.

extension Exchange {
  public struct Counters: Sendable, Equatable {
    public var connectionAttempts = 0
    public var connectionsAccepted = 0
    public var connectionsRefused = 0
    /// Requests by method, in lower case; empty for what was not a request.
    public var requests: [String: Int] = [:]
    /// Requests that met the rate limit.
    public var requestsRefused = 0
    /// Successful subscriptions by topic, as `describe` names it.
    public var subscribed: [String: Int] = [:]
    public var unsubscribed: [String: Int] = [:]
    public var faultsInjected: [String: Int] = [:]
  }

  public struct LevelText: Sendable, Equatable {
    public var price: String
    public var quantity: String
  }

  public struct TradeText: Sendable, Equatable {
    public var id: Int64
    public var time: Int64
    public var price: String
    public var quantity: String
    public var isBuy: Bool
  }

  /// Every pair, in the order of the `instrument` snapshot.
  public var instruments: [Instrument] { markets.map(\.instrument) }

  /// `book BTC/USD 10`, `ticker BTC/USD bbo`, `instrument`.
  public func describe(_ topic: Topic) -> String {
    let suffix =
      switch topic.channel {
      case .book, .ohlc, .level3: " \(topic.parameter)"
      case .ticker: topic.parameter == 1 ? " bbo" : ""
      case .trade, .instrument, .executions, .balances: ""
      }
    return topic.channel.rawValue + (name(of: topic).map { " " + $0 } ?? "") + suffix
  }

  /// Sorted descriptions of what a connection is subscribed to.
  public func subscriptions(of id: ConnectionID) -> [String] {
    index(of: id).map { connections[$0].topics.keys.map { describe($0) }.sorted() } ?? []
  }

  /// The true book, best first, whole unless a depth is given; nil for an unknown symbol.
  public func book(of symbol: String, depth: Int = .max) -> (bids: [LevelText], asks: [LevelText])? {
    marketIndex[symbol.uppercased()].map { index in
      let market = markets[index]
      func texts(_ side: BookSide) -> [LevelText] {
        side.top(depth).map {
          LevelText(price: market.priceText($0.price), quantity: market.quantityText($0.quantity))
        }
      }
      return (texts(market.shown(true)), texts(market.shown(false)))
    }
  }

  public func checksum(of symbol: String) -> UInt32? {
    marketIndex[symbol.uppercased()].map { markets[$0].checksum }
  }

  public func lastTrade(of symbol: String) -> TradeText? {
    marketIndex[symbol.uppercased()].flatMap { index in
      markets[index].trades.last.map {
        TradeText(
          id: $0.id, time: $0.time, price: markets[index].priceText($0.price),
          quantity: markets[index].quantityText($0.quantity), isBuy: $0.takerIsBuyer)
      }
    }
  }

  /// The running candle.
  public func candle(of symbol: String, minutes: Int) -> Candle? {
    guard CandleSeries.intervals.contains(minutes) else { return nil }
    return marketIndex[symbol.uppercased()].map { markets[$0].candles.running(minutes: minutes) }
  }
}

extension Market {
  func priceText(_ price: Int64) -> String {
    var text = Text()
    text.add(scaled: price, decimals: instrument.pricePrecision)
    return String(decoding: text, as: UTF8.self)
  }

  func costText(_ cost: Int64) -> String {
    var text = Text()
    text.add(scaled: cost, decimals: instrument.costPrecision)
    return String(decoding: text, as: UTF8.self)
  }

  func quantityText(_ quantity: Int64) -> String {
    var text = Text()
    text.add(scaled: quantity, decimals: instrument.quantityPrecision)
    return String(decoding: text, as: UTF8.self)
  }
}
