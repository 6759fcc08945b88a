// What fault tests share: a client with a life behind it, and a judge of its books.

@testable import SimulatedExchange

extension Client {
  /// Books, trades and tickers of two pairs, past the snapshots.
  static func subscribed() -> Client {
    var client = Client(symbols: 2, rate: 60)
    for channel in ["book", "trade", "ticker"] { client.subscribe(channel, "BTC/USD", "ETH/USD") }
    client.run(seconds: 0.2)
    return client
  }
}

func symbols(_ messages: [JSONValue]) -> Set<String> {
  Set(messages.compactMap { $0.item?.text("symbol") })
}

/// Verifies the book messages of one pair; gives which of them did not fit.
func misfits(_ messages: [JSONValue], of symbol: String = "BTC/USD") -> [Bool] {
  var replay = BookReplay(depth: 10)
  return messages.filter { $0["channel"]?.string == "book" && $0.item?.text("symbol") == symbol }.map {
    !replay.apply($0)
  }
}
