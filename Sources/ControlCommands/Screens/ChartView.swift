// `chart`: the candles of one symbol with their volume, the last one live.

import KrakenBridgeClient

struct ChartView: LiveView {
  struct Candle: Sendable, Equatable {
    var begin: String
    var open: Exact
    var high: Exact
    var low: Exact
    var close: Exact
    var volume: Double
    var volumeText: String

    var isFalling: Bool { close < open }
    var ink: Style.Ink { isFalling ? .bad : .good }
  }

  static let candlesMax = 1000

  let symbol: String
  let interval: Int
  private(set) var candles: [Candle] = []
  private(set) var zoom = 0
  private var isKnown = false
  private var health = TopicHealth()
  private var topic: Topic?

  init(symbol: String, interval: Int) {
    self.symbol = symbol
    self.interval = interval
  }

  var subscriptions: [Subscription] { [Subscription("ohlc", [symbol], interval: interval)] }

  var isComplete: Bool { isKnown }

  mutating func receive(_ message: BridgeMessage, now: Double) {
    if case .event(let event) = message, event.channel == "ohlc" {
      topic = event.topic
      apply(event)
    }
    if let topic { health.receive(message, about: topic) }
  }

  private mutating func apply(_ event: Event) {
    let data = event.data
    if event.kind == .snapshot {
      candles = []
      isKnown = true
    }
    for item in event.kind == .snapshot ? data.elements : [data] {
      guard let candle = Candle(item) else { continue }
      // The candle under way comes again with every trade.
      if candles.last?.begin == candle.begin { candles.removeLast() }
      candles.append(candle)
    }
    candles.removeFirst(max(0, candles.count - Self.candlesMax))
  }

  mutating func press(_ key: Key) {
    switch key {
    case .character("+"): zoom = min(3, zoom + 1)
    case .character("-"): zoom = max(-2, zoom - 1)
    default: break
    }
  }

  func rows(size: TerminalSize, style: Style, link: LinkState, now: Double) -> [String] {
    let mark = health.mark(style, link: link)
    func footer(_ legend: [String] = []) -> String {
      link.footer(["q quit", "+ - zoom"] + legend, columns: size.columns, style: style, now: now)
    }
    guard let last = candles.last else {
      return [title(nil, mark, style), isKnown ? "no candles yet" : "waiting for candles…", footer()]
    }
    let plot = ChartPlot(candles: candles, width: size.columns, height: max(6, size.rows - 2), zoom: zoom, interval: interval)
    return [title(last, mark, style)] + plot.rows(style) + [footer(plot.legend(style))]
  }

  private func title(_ last: Candle?, _ mark: String, _ style: Style) -> String {
    var words = [style.paint("\(topic?.symbol ?? symbol) \(Self.name(ofInterval: interval))", .bold) + mark]
    if let last {
      for (name, value) in [("O", last.open), ("H", last.high), ("L", last.low), ("C", last.close)] {
        words.append(style.paint(name, .dim) + " " + style.paint(value.description, last.ink))
      }
      words.append(style.paint("V", .dim) + " " + last.volumeText)
    }
    return words.joined(separator: "  ")
  }

  static func name(ofInterval minutes: Int) -> String {
    switch minutes {
    case ..<60: "\(minutes) min"
    case ..<1440: "\(minutes / 60) h"
    default: "\(minutes / 1440) d"
    }
  }
}

extension ChartView.Candle {
  init?(_ item: JSON) {
    guard let begin = item["interval_begin"]?.string,
      let open = item["open"]?.digits.flatMap({ Exact($0) }), let high = item["high"]?.digits.flatMap({ Exact($0) }),
      let low = item["low"]?.digits.flatMap({ Exact($0) }), let close = item["close"]?.digits.flatMap({ Exact($0) })
    else { return nil }
    self.init(
      begin: begin, open: open, high: high, low: low, close: close, volume: item["volume"]?.approximate ?? 0,
      volumeText: item["volume"]?.plainText ?? "")
  }
}
