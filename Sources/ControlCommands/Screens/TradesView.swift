// `trades`: the tape of one symbol, newest on top, with bars for the sizes.

import KrakenBridgeClient

struct TradesView: LiveView {
  let symbol: String
  private var tape = TradeTape(capacity: 1000)
  private var health = TopicHealth()
  private var topic: Topic?

  init(symbol: String) {
    self.symbol = symbol
  }

  var subscriptions: [Subscription] { [Subscription("trade", [symbol])] }

  var isComplete: Bool { tape.isKnown }

  mutating func receive(_ message: BridgeMessage, now: Double) {
    if case .event(let event) = message, event.channel == "trade" {
      tape.apply(event)
      topic = event.topic
    }
    if let topic { health.receive(message, about: topic) }
  }

  func rows(size: TerminalSize, style: Style, link: LinkState, now: Double) -> [String] {
    let count = max(1, size.rows - 2)
    var body = tape.rows(count, style: style, width: size.columns)
    if body.isEmpty { body = [tape.isKnown ? "no trades yet" : "waiting for trades…"] }
    let title = style.paint("\(topic?.symbol ?? symbol) trades", .bold) + health.mark(style, link: link)
    return [title] + body + [link.footer(["q quit"], columns: size.columns, style: style, now: now)]
  }
}
