// The axes of a chart. Prices are labelled in the pair's own digits, exactly: the highest, the lowest, and round ones
// between; times where they are round.

/// Prices against rows: two steps per row.
struct PriceAxis {
  /// Decimals of the labels: as many as the prices have.
  let places: Int
  /// Labels by row, counted from the bottom.
  private(set) var labels: [Int: String]
  private let low: Double
  private let perStep: Double
  private let steps: Int

  init(low: Exact, high: Exact, rows: Int) {
    places = max(low.places, high.places)
    steps = rows * 2
    let bottom = low.withPlaces(places).mantissa
    let top = high.withPlaces(places).mantissa
    let range = max(1, top - bottom)
    self.low = low.approximate
    // A little more than the range, so that the highest price falls into the last step and not behind it.
    perStep = Exact(mantissa: range, places: places).approximate / Double(steps) * 1.0001

    labels = [:]
    let distance = Self.roundDistance(atLeast: range / Int128(max(2, rows / 3)))
    var tick = (bottom / distance) * distance
    if tick < bottom { tick += distance }
    while tick <= top {
      label(Exact(mantissa: tick, places: places))
      tick += distance
    }
    label(low)
    label(high)
  }

  private mutating func label(_ price: Exact) {
    labels[step(of: price) / 2] = price.withPlaces(places).description
  }

  /// The step a price falls into, 0 at the bottom.
  func step(of price: Exact) -> Int {
    max(0, min(steps - 1, Int((price.approximate - low) / perStep)))
  }

  /// 1, 2 or 5 times a power of ten, not smaller than asked.
  private static func roundDistance(atLeast wanted: Int128) -> Int128 {
    var power: Int128 = 1
    while true {
      for factor: Int128 in [1, 2, 5] where power * factor >= wanted { return power * factor }
      power *= 10
    }
  }
}

/// Times under the candles.
enum TimeAxis {
  /// Minutes between labels that people read at a glance, within a day.
  private static let roundMinutes = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440]

  /// A row as wide as the candles, each label with its middle under its candle.
  ///
  /// - Parameter begins: when each candle begins, as Kraken writes it.
  static func labels(_ begins: [String], columnsPerCandle: Int, interval: Int) -> String {
    let width = begins.count * columnsPerCandle
    let labelWidth = text(begins.first ?? "", interval: interval).utf8.count
    let candlesApart = (labelWidth + 3 + columnsPerCandle) / columnsPerCandle
    let choices = (interval < 1440 ? roundMinutes : []) + [1, 2, 5, 10, 20, 50, 100].map { $0 * max(interval, 1440) }
    let distance = choices.first { $0.isMultiple(of: interval) && $0 >= candlesApart * interval } ?? interval * 200
    func isRound(_ begin: String) -> Bool { ReplayClock.seconds(begin).map { Int($0 / 60).isMultiple(of: distance) } ?? false }
    let round = begins.indices.filter { isRound(begins[$0]) }
    var out = ""
    for index in round.isEmpty ? begins.indices.prefix(1).map(\.self) : round {
      let label = text(begins[index], interval: interval)
      let column = max(0, index * columnsPerCandle - label.utf8.count / 2)
      guard column >= out.count + (out.isEmpty ? 0 : 2), column + label.utf8.count <= width else { continue }
      out += String(repeating: " ", count: column - out.count) + label
    }
    return out.fitted(to: width)
  }

  /// `2026-10-09T00:34:00…` → `00:34`, at midnight and for days `10-09`, for weeks `2026-10-09`.
  private static func text(_ begin: String, interval: Int) -> String {
    let date = begin.prefix(10)
    let time = begin.dropFirst(11).prefix(5)
    if interval > 1440 { return String(date) }
    return String(interval == 1440 || time == "00:00" ? date.suffix(5) : time)
  }
}
