import Testing

@testable import SimulatedExchange

/// The model's checksum against Kraken's own numbers.
struct ChecksumTests {
  @Test func standardCheckValue() {
    var checksum = Checksum()
    for byte in "123456789".utf8 { checksum.feed(byte) }
    #expect(checksum.value == 0xCBF4_3926)
  }

  @Test func tokensAreDigitsWithoutLeadingZeros() {
    var checksum = Checksum()
    for token: Int64 in [452_852, 100_000, 5005, 20, 1, .max] { checksum.feed(token: token) }
    #expect(checksum.value == crc32("452852" + "100000" + "5005" + "20" + "1" + String(Int64.max)))
  }

  @Test func publishedVectors() throws {
    var tried = 0
    for vector in try Fixtures.messages("vectors") where vector["kind"]?.string == "l2" {
      let precisions = try (
        #require(vector["price_precision"]?.integer), #require(vector["qty_precision"]?.integer)
      )
      var market = Market.empty(pricePrecision: precisions.0, quantityPrecision: precisions.1)
      for (isBid, side) in [(true, "bids"), (false, "asks")] {
        for level in try #require(vector[side]?.array) {
          let texts = try #require(level.array?.compactMap { $0.string ?? $0.numberText })
          market.set(isBid: isBid, price: scaled(texts[0]), quantity: scaled(texts[1]))
        }
      }
      #expect(Int(market.checksum) == vector["checksum"]?.integer, "\(vector["name"]?.string ?? "")")
      tried += 1
    }
    #expect(tried >= 4)
  }

  @Test(arguments: [("book", 20), ("book-replay", 510), ("book-matic", 2)])
  func recordedReplay(_ name: String, _ messageCount: Int) throws {
    let messages = try Fixtures.messages(name)
    #expect(messages.count == messageCount)
    var market = Market.empty(pricePrecision: 1, quantityPrecision: 8)
    var replay = BookReplay(depth: 10)
    for message in messages {
      let item = try #require(message.item)
      for (isBid, side) in [(true, "bids"), (false, "asks")] {
        for level in item[side]?.array ?? [] {
          market.set(
            isBid: isBid, price: scaled(level.text("price") ?? ""), quantity: scaled(level.text("qty") ?? ""))
        }
        for level in market.side(isBid).top(.max).dropFirst(10) {
          market.set(isBid: isBid, price: level.price, quantity: 0)
        }
      }
      #expect(Int(market.checksum) == item["checksum"]?.integer)
      // The judge of the other tests is judged by the same messages.
      let fits = replay.apply(message)
      #expect(fits)
    }
  }

  /// All literals of one recording have the same number of decimals, so dropping the point scales them.
  private func scaled(_ text: String) -> Int64 { Int64(text.filter { $0 != "." })! }
}

extension Market {
  /// A market whose book is empty.
  static func empty(pricePrecision: Int, quantityPrecision: Int) -> Market {
    var instrument = InstrumentCatalog.named[0]
    instrument.pricePrecision = pricePrecision
    instrument.quantityPrecision = quantityPrecision
    var market = Market(instrument: instrument, index: 0, seed: 1, now: start, candleHistory: 1)
    market.empty(isBid: true)
    market.empty(isBid: false)
    return market
  }
}
