// The pairs of the simulated exchange: first real ones, chosen for their extremes (large and tiny prices, huge
// quantities, few decimals and many, one pair with fewer than ten levels), then made-up ones up to the number asked for.

enum InstrumentCatalog {
  static func instruments(count: Int, seed: UInt64) -> [Instrument] {
    (0..<count).map { $0 < named.count ? named[$0] : synthetic($0 - named.count, seed: seed) }
  }

  static let named: [Instrument] = [
    pair("BTC", "USD", price: 817_766, 1, typical: 50_000_000, levels: 1400, gap: 6),
    pair("ETH", "USD", price: 321_754, 2, typical: 800_000_000, levels: 1200, gap: 7),
    pair("SOL", "USD", price: 15_432, 2, typical: 6_000_000_000, levels: 600, gap: 2),
    pair("XRP", "USD", price: 243_150, 5, typical: 150_000_000_000, levels: 600, gap: 12),
    pair("DOGE", "USD", price: 1_873_512, 7, typical: 900_000_000_000, levels: 500, gap: 140),
    pair("SHIB", "USD", price: 1234, 8, quantity: 5, typical: 4_000_000_000_000, levels: 300, gap: 1),
    pair("ETH", "BTC", price: 3934, 5, typical: 300_000_000, levels: 300, gap: 2),
    pair("BTC", "EUR", price: 704_512, 1, typical: 30_000_000, levels: 1100, gap: 8),
    pair("USDT", "USD", price: 99_985, 5, typical: 2_000_000_000_000, levels: 200, gap: 2),
    pair("KSM", "BTC", price: 1842, 7, typical: 900_000_000, levels: 6, gap: 9),
    pair("ADA", "USD", price: 645_210, 6, typical: 250_000_000_000, levels: 500, gap: 35),
    pair("LTC", "USD", price: 9512, 2, typical: 2_500_000_000, levels: 400, gap: 2),
  ]

  private static func pair(
    _ base: String, _ quote: String, price: Int64, _ pricePrecision: Int, quantity: Int = 8, typical: Int64,
    levels: Int, gap: Int64
  ) -> Instrument {
    Instrument(
      base: base, quote: quote, pricePrecision: pricePrecision, quantityPrecision: quantity,
      costPrecision: quote == "BTC" ? 10 : 5, isMarginable: levels > 10, startPrice: price, typicalQuantity: typical,
      minimumQuantity: max(typical / 10_000, 1), levels: levels, gap: gap)
  }

  private static func synthetic(_ index: Int, seed: UInt64) -> Instrument {
    var generator = SeededGenerator(seed: seed, purpose: 0x51B0_0000 + UInt64(index))
    // Four letters, so that no made-up name equals a real one by accident: SAAA, SAAB, …
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    let base = "S" + String([letters[index / 676 % 26], letters[index / 26 % 26], letters[index % 26]])
    let pricePrecision = 1 + generator.below(8)
    // Four to seven digits of price, whatever the precision.
    let price = generator.between(1, 9) * powerOfTen[3 + generator.below(4)] + generator.below(Int64(1000))
    let quantityPrecision = generator.chance(1, in: 4) ? 5 : 8
    let levels = [5, 14, 30, 60, 120, 240][generator.below(6)]
    return pair(
      base, ["USD", "EUR", "BTC", "USDT"][generator.below(4)], price: price, pricePrecision,
      quantity: quantityPrecision, typical: powerOfTen[quantityPrecision] * generator.between(1, 5000), levels: levels,
      gap: max(1, price / (20 * Int64(levels) + 2000)))
  }

  static func assets(of instruments: [Instrument]) -> [Asset] {
    var seen: Set<String> = []
    return instruments.flatMap { [$0.base, $0.quote] }.filter { seen.insert($0).inserted }.map { id in
      let isCash = ["USD", "EUR"].contains(id)
      return Asset(
        id: id, precision: isCash ? 4 : id == "BTC" ? 10 : 8, displayPrecision: isCash ? 2 : 5,
        isBorrowable: isCash || ["BTC", "ETH", "SOL", "XRP"].contains(id))
    }
  }
}
