// Candles of every interval and the figures of the last 24 hours, both summed from the trades of a market as they
// happen. What lies before the market's first trade is made of numbers that depend on the seed and the time alone.

public struct Candle: Sendable, Equatable {
  /// Start of the interval, nanoseconds since the Unix epoch.
  public var begin: Int64
  public var open: Int64
  public var high: Int64
  public var low: Int64
  public var close: Int64
  public var trades: Int
  public var volume: Int64
  /// Sum of price times quantity.
  var cost: Int128

  public var averagePrice: Int64 { volume > 0 ? Int64(cost / Int128(volume)) : close }

  init(begin: Int64, price: Int64) {
    self.begin = begin
    (open, high, low, close) = (price, price, price, price)
    (trades, volume, cost) = (0, 0, 0)
  }

  mutating func add(price: Int64, quantity: Int64) {
    high = max(high, price)
    low = min(low, price)
    close = price
    trades += 1
    volume += quantity
    cost += Int128(price) * Int128(quantity)
  }
}

struct CandleSeries: Sendable {
  /// Minutes, as Kraken offers them.
  static let intervals = [1, 5, 15, 30, 60, 240, 1440, 10080, 21600]

  /// Per interval, oldest first; the last one is the running candle.
  private var series: [[Candle]]
  private let seed: UInt64
  private let startPrice: Int64
  private let length: Int

  init(seed: UInt64, startPrice: Int64, begin: Int64, length: Int) {
    self.seed = seed
    self.startPrice = startPrice
    self.length = max(length, 1)
    series = Self.intervals.map { _ in [] }
    for (index, minutes) in Self.intervals.enumerated() {
      let start = Self.begin(of: begin, minutes: minutes)
      // A candle that was running at the start has an opening of its own and no trades that we know of.
      series[index] = [Candle(begin: start, price: start == begin ? startPrice : pastPrice(at: start))]
    }
  }

  static func begin(of time: Int64, minutes: Int) -> Int64 {
    let interval = Int64(minutes) * 60_000_000_000
    return time / interval * interval
  }

  mutating func add(price: Int64, quantity: Int64, at time: Int64) {
    for (index, minutes) in Self.intervals.enumerated() {
      let begin = Self.begin(of: time, minutes: minutes)
      if series[index][series[index].count - 1].begin < begin {
        if series[index].count >= length { series[index].removeFirst() }
        series[index].append(Candle(begin: begin, price: price))
      }
      series[index][series[index].count - 1].add(price: price, quantity: quantity)
    }
  }

  func running(minutes: Int) -> Candle {
    series[Self.intervals.firstIndex(of: minutes)!].last!
  }

  /// Oldest first, ending with the running candle, filled up from the made-up past.
  func history(minutes: Int) -> [Candle] {
    let known = series[Self.intervals.firstIndex(of: minutes)!]
    let interval = Int64(minutes) * 60_000_000_000
    let missing = max(0, length - known.count)
    let past = (0..<missing).map { index in
      pastCandle(begin: known[0].begin - Int64(missing - index) * interval, interval: interval)
    }
    return past + known
  }

  private func pastCandle(begin: Int64, interval: Int64) -> Candle {
    var candle = Candle(begin: begin, price: pastPrice(at: begin))
    let close = pastPrice(at: begin + interval)
    let quantity = Int64(1 + scatter(seed, UInt64(begin), 2) % 1_000_000)
    candle.add(price: max(candle.open, close), quantity: quantity)
    candle.add(price: min(candle.open, close), quantity: quantity)
    candle.add(price: close, quantity: quantity)
    return candle
  }

  /// Within one in 256 of the price at the start.
  private func pastPrice(at time: Int64) -> Int64 {
    let spread = max(startPrice / 128, 2)
    return max(1, startPrice - spread / 2 + Int64(scatter(seed, UInt64(time)) % UInt64(spread)))
  }
}

/// Twenty-four hourly sums; the oldest falls out when an hour begins.
struct DayStatistics: Sendable {
  private(set) var hours: [Candle]

  init(seed: UInt64, startPrice: Int64, typicalQuantity: Int64, begin: Int64) {
    let current = CandleSeries.begin(of: begin, minutes: 60)
    hours = (0..<24).map { index in
      var hour = Candle(begin: current - Int64(23 - index) * 3_600_000_000_000, price: startPrice)
      let spread = max(startPrice / 64, 2)
      for trade in 0..<3 {
        let chance = scatter(seed, UInt64(index), UInt64(trade) + 3)
        let price = max(1, startPrice - spread / 2 + Int64(chance % UInt64(spread)))
        hour.add(price: price, quantity: typicalQuantity / 4 + Int64(chance % UInt64(typicalQuantity)))
      }
      return hour
    }
  }

  mutating func add(price: Int64, quantity: Int64, at time: Int64) {
    let begin = CandleSeries.begin(of: time, minutes: 60)
    if hours[hours.count - 1].begin < begin {
      if hours.count >= 24 { hours.removeFirst() }
      hours.append(Candle(begin: begin, price: price))
    }
    hours[hours.count - 1].add(price: price, quantity: quantity)
  }

  /// All hours as one candle.
  var total: Candle {
    hours.dropFirst().reduce(hours[0]) { sum, hour in
      var sum = sum
      sum.high = max(sum.high, hour.high)
      sum.low = min(sum.low, hour.low)
      sum.close = hour.close
      sum.trades += hour.trades
      sum.volume += hour.volume
      sum.cost += hour.cost
      return sum
    }
  }
}
