import Testing

@testable import SimulatedExchange

/// Trades, tickers and candles agree with each other and with the book; the market is plausible and repeatable.
struct MarketTests {
  /// Everything about some pairs, for a while.
  private func record(seed: UInt64 = 3, seconds: Double = 20) -> [JSONValue] {
    var client = Client(seed: seed, symbols: 10, rate: 30)
    for symbol in ["BTC/USD", "SHIB/USD", "KSM/BTC"] {
      client.subscribe("trade", symbol, more: #","snapshot":true"#)
      client.subscribe("ticker", symbol)
      for interval in [1, 5, 60] { client.subscribe("ohlc", symbol, more: ",\"interval\":\(interval)") }
    }
    client.run(seconds: seconds)
    return client.takeMessages()
  }

  private func scaled(_ text: String?) -> Int {
    Int((text ?? "").filter { $0 != "." }) ?? .min
  }

  @Test func tradeNumbersRiseByOneAndTimesDoNotFall() {
    var last: [String: (id: Int, time: String)] = [:]
    var count = 0
    for message in record() where message["channel"]?.string == "trade" {
      for trade in message["data"]?.array ?? [] {
        let symbol = trade.text("symbol") ?? ""
        let id = trade["trade_id"]?.integer ?? 0
        let time = trade.text("timestamp") ?? ""
        if let last = last[symbol] {
          #expect(id == last.id + 1)
          #expect(time >= last.time)
        }
        last[symbol] = (id, time)
        count += 1
      }
    }
    #expect(count > 200)
    #expect(last.count == 3)
  }

  @Test func tickersFollowFromTrades() {
    var lastPrice: [String: String] = [:]
    var volume: [String: Int] = [:]
    var tickers = 0
    for message in record() {
      let symbol = message.item?.text("symbol") ?? ""
      switch message["channel"]?.string {
      case "trade":
        for trade in message["data"]?.array ?? [] {
          lastPrice[symbol] = trade.text("price")
          if message.type == "update" { volume[symbol]? += scaled(trade.text("qty")) }
        }
      case "ticker":
        let item = message.item!
        if message.type == "update" {
          #expect(item.text("last") == lastPrice[symbol])
          #expect(scaled(item.text("volume")) == volume[symbol])
          tickers += 1
        }
        volume[symbol] = scaled(item.text("volume"))
        #expect(scaled(item.text("low")) <= scaled(item.text("last")))
        #expect(scaled(item.text("high")) >= scaled(item.text("last")))
        #expect((scaled(item.text("low"))...scaled(item.text("high"))).contains(scaled(item.text("vwap"))))
        #expect(scaled(item.text("bid")) < scaled(item.text("ask")))
      default: break
      }
    }
    #expect(tickers > 50)
  }

  @Test func candlesFollowFromTrades() {
    struct Sum {
      var open = 0, high = 0, low = 0, close = 0, volume = 0, trades = 0
    }
    var candles: [String: Sum] = [:]
    var pending: [String: [JSONValue]] = [:]
    var compared = 0
    var newCandles = 0
    for message in record(seconds: 70) {
      let symbol = message.item?.text("symbol") ?? ""
      switch (message["channel"]?.string, message.type) {
      case ("trade", "update"): pending[symbol] = message["data"]?.array
      case ("ohlc", "snapshot"):
        let candle = message["data"]!.array!.last!
        candles[key(candle)] = sum(candle)
      case ("ohlc", "update"):
        let candle = message.item!
        if candles[key(candle)] == nil { newCandles += 1 }
        var expected = candles[key(candle)] ?? Sum()
        for trade in pending[symbol] ?? [] {
          let price = scaled(trade.text("price"))
          if expected.trades == 0 { (expected.open, expected.high, expected.low) = (price, price, price) }
          expected.high = max(expected.high, price)
          expected.low = min(expected.low, price)
          expected.close = price
          expected.volume += scaled(trade.text("qty"))
          expected.trades += 1
        }
        candles[key(candle)] = expected
        let sent = sum(candle)
        #expect(
          [sent.open, sent.high, sent.low, sent.close, sent.volume, sent.trades]
            == [expected.open, expected.high, expected.low, expected.close, expected.volume, expected.trades])
        compared += 1
      default: break
      }
    }
    #expect(compared > 500)
    // The minute of the start, the next one, and the five minutes that begin with it, for each pair.
    #expect(newCandles == 9)

    func key(_ candle: JSONValue) -> String {
      "\(candle.text("symbol")!) \(candle.text("interval")!) \(candle.text("interval_begin")!)"
    }
    func sum(_ candle: JSONValue) -> Sum {
      Sum(
        open: scaled(candle.text("open")), high: scaled(candle.text("high")), low: scaled(candle.text("low")),
        close: scaled(candle.text("close")), volume: scaled(candle.text("volume")),
        trades: candle["trades"]!.integer!)
    }
  }

  @Test(arguments: [1, 5, 15, 30, 60, 240, 1440, 10080, 21600])
  func candleSnapshotsAreUnbrokenAndSound(_ interval: Int) throws {
    var client = Client(rate: 0)
    client.subscribe("ohlc", "ETH/USD", more: ",\"interval\":\(interval)")
    client.run(seconds: 1)
    let candles = try #require(client.takeData("ohlc").first?["data"]?.array)
    #expect(candles.count == 60)
    for (candle, next) in zip(candles, candles.dropFirst()) {
      // The deprecated timestamp is the end of the interval, where the next one begins.
      #expect(candle.text("timestamp")?.prefix(26) == next.text("interval_begin")?.prefix(26))
    }
    for candle in candles {
      let prices = ["open", "close", "vwap"].map { scaled(candle.text($0)) }
      #expect(prices.allSatisfy { (scaled(candle.text("low"))...scaled(candle.text("high"))).contains($0) })
      #expect(candle["interval"]?.integer == interval)
      #expect(candle.text("interval_begin")?.hasSuffix(":00.000000000Z") == true)
    }
  }

  @Test func tickerOfTheTouchFollowsEveryChangeOfIt() {
    var client = Client(symbols: 1, rate: 60)
    client.subscribe("ticker", "BTC/USD", more: #","event_trigger":"bbo""#)
    client.subscribe("book", "BTC/USD")
    client.run(seconds: 20)
    var replay = BookReplay(depth: 10)
    var shown: [String?] = []
    var count = 0
    for message in client.takeMessages() where message.item?.text("symbol") == "BTC/USD" {
      if message["channel"]?.string == "book" {
        // The ticker of the last change has come before the next change.
        let touch = [replay.bids, replay.asks].flatMap { [$0.first?.price, $0.first?.quantity] }
        if message.type == "update" { #expect(touch == shown) }
        _ = replay.apply(message)
      } else if let item = message.item {
        shown = ["bid", "bid_qty", "ask", "ask_qty"].map { item.text($0) }
        count += 1
      }
    }
    #expect(count > 200)
  }

  @Test func spreadsStayNarrowAndPricesNearTheStart() throws {
    var exchange = Client(seed: 5, rate: 60).exchange
    for _ in 0..<10 {
      exchange.advance(to: exchange.now + 10 * second)
      for pair in exchange.instruments {
        let book = try #require(exchange.book(of: pair.symbol, depth: 1))
        let bid = scaled(book.bids.first?.price)
        let ask = scaled(book.asks.first?.price)
        #expect(ask > bid)
        #expect(ask - bid < max(Int(pair.gap) * 60, bid / 5), "\(pair.symbol) \(bid) \(ask)")
        #expect((Int(pair.startPrice) / 2...Int(pair.startPrice) * 2).contains(bid), "\(pair.symbol)")
      }
    }
  }

  @Test func theMarketDoesNotDependOnItsReaders() throws {
    var quiet = Client(seed: 8, rate: 40)
    var busy = Client(seed: 8, rate: 40)
    busy.subscribe("book", "BTC/USD", more: #","depth":500"#)
    busy.subscribe("ticker", "BTC/USD")
    quiet.run(seconds: 20)
    for _ in 0..<200 { busy.run(seconds: 0.1) }
    for symbol in ["BTC/USD", "SHIB/USD"] {
      #expect(quiet.exchange.checksum(of: symbol) == busy.exchange.checksum(of: symbol))
      #expect(quiet.exchange.lastTrade(of: symbol) == busy.exchange.lastTrade(of: symbol))
    }
  }
}

struct DeterminismTests {
  /// A session with everything in it: all channels, faults of chance, two connections.
  private func session(seed: UInt64, stride: Double) -> [Exchange.Output] {
    var client = Client(seed: seed, symbols: 20, rate: 30)
    client.exchange.schedule(ScheduledFault(Fault(.shuffledKeys, duration: 2 * second), at: 3 * second))
    client.exchange.schedule(ScheduledFault(Fault(.fragmentedFrames, duration: second), at: 6 * second, every: second))
    _ = client.exchange.connect(.publicV2, now: client.exchange.now)
    for symbol in client.exchange.instruments.map(\.symbol) {
      client.subscribe("book", symbol, more: #","depth":25"#)
      client.subscribe("ticker", symbol)
      client.subscribe("trade", symbol)
      client.subscribe("ohlc", symbol)
    }
    client.subscribe("instrument")
    for _ in 0..<Int(8 / stride) { client.run(seconds: stride) }
    return client.takeOutputs()
  }

  @Test func sameSeedSameBytes() {
    let first = session(seed: 11, stride: 1)
    #expect(first.count > 2000)
    #expect(session(seed: 11, stride: 1) == first)
    // Neither does it matter how often one looks.
    #expect(session(seed: 11, stride: 0.125) == first)
    #expect(session(seed: 12, stride: 1) != first)
  }
}
