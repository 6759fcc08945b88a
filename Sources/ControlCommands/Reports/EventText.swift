// One line from the bridge as a line for people: when, what, and the few fields that matter in that
// channel. Digits are Kraken's own.

import KrakenBridgeClient

struct EventText {
  let style: Style

  func line(_ message: BridgeMessage) -> String {
    switch message {
    case .event(let event):
      let kind = event.kind == .snapshot ? "=" : " "
      let head = [
        style.paint(Self.clock(event.received ?? event.time), .dim), kind, event.channel.fitted(to: 10),
        style.paint((event.symbol ?? event.topic.asset ?? "").fitted(to: 12), .bold),
      ]
      return (head + [details(event)]).joined(separator: " ").trimmingTrailingSpaces()
    case .hello(let hello):
      let upstreams = hello.upstreams.map { "\($0.name) \($0.state)" }.joined(separator: ", ")
      return notice("hello", "kraken-bridge \(hello.version), \(upstreams)", .dim)
    case .state(let state):
      var text = "\(state.upstream) \(state.state)"
      if let reason = state.reason { text += ": \(reason)" }
      if let attempt = state.attempt, attempt > 0 { text += ", attempt \(attempt)" }
      if let wait = state.retryInSeconds { text += ", next in \(wait) s" }
      return notice("state", text, Style.ink(forState: state.state))
    case .stale(let stale):
      let topics = stale.topics.map { $0.map(\.description).joined(separator: ", ") } ?? "every topic"
      return notice("stale", "\(stale.reason): \(topics)", .warning)
    case .gap(let gap):
      var text = gap.reason
      if let from = gap.from, let to = gap.to { text += ", seq \(from) to \(to)" }
      if let dropped = gap.dropped { text += ", \(dropped) lines lost" }
      return notice("gap", text, .boldWarning)
    case .goodbye(let goodbye):
      return notice("goodbye", goodbye.reason, .boldWarning)
    case .answer(let answer):
      let subject = [answer.method, answer.symbol].compactMap { $0 }.joined(separator: " ")
      return answer.success
        ? notice(subject, answer.result.isNull ? "done" : answer.result.text, .dim)
        : notice(subject, "refused: \(answer.error ?? answer.code ?? "no reason given")", .bad)
    case .other(let line):
      return line.description
    }
  }

  private func notice(_ word: String, _ text: String, _ ink: Style.Ink) -> String {
    style.paint("-- \(word): \(text)", ink)
  }

  /// `2026-10-09T00:34:21.084312907Z` → `00:34:21.084`, UTC.
  static func clock(_ time: String?) -> String {
    guard let time, let t = time.firstIndex(of: "T") else { return String(repeating: " ", count: 12) }
    let rest = time[time.index(after: t)...].prefix { $0 != "Z" && $0 != "+" }
    return String(rest.prefix(12)).fitted(to: 12)
  }

  private func details(_ event: Event) -> String {
    let data = event.data
    switch (event.channel, data) {
    case ("trade", .array(let trades)), ("own_trades", .array(let trades)):
      return "\(trades.count) recent, last " + (trades.last.map(trade) ?? "none")
    case ("trade", _): return trade(data)
    case ("ticker", _):
      return fields(data, ["last", "bid", "bid_qty", "ask", "ask_qty", "change_pct", "volume"])
    case ("spread", _):
      return fields(data, ["bid", "bid_qty", "ask", "ask_qty"])
    case ("book", _), ("level3", _): return book(data, event)
    case ("ohlc", .array(let candles)):
      return "\(candles.count) candles, last " + (candles.last.map(candle) ?? "none")
    case ("ohlc", _): return candle(data)
    case (_, .array(let elements)):
      return "\(elements.count) entries"
    default:
      return data.members.map { "\($0.name) \($0.value.plainText)" }.joined(separator: "  ")
    }
  }

  private func fields(_ data: JSON, _ names: [String]) -> String {
    names.compactMap { name in
      data[name].map { style.paint(name, .dim) + " " + $0.plainText }
    }.joined(separator: "  ")
  }

  private func trade(_ trade: JSON) -> String {
    let side = trade["side"]?.plainText ?? "?"
    let qty = trade["qty"]?.plainText ?? trade["last_qty"]?.plainText ?? "?"
    let price = trade["price"]?.plainText ?? trade["last_price"]?.plainText ?? "?"
    return style.paint(side.fitted(to: 4), side == "buy" ? .good : .bad) + " \(qty) @ \(price)"
  }

  private func candle(_ data: JSON) -> String {
    fields(data, ["interval_begin", "open", "high", "low", "close", "volume", "trades"])
  }

  private func book(_ data: JSON, _ event: Event) -> String {
    let bids = data["bids"]?.elements ?? []
    let asks = data["asks"]?.elements ?? []
    if event.kind == .snapshot {
      func best(_ levels: [JSON]) -> String { levels.first.map(level) ?? "none" }
      return "\(bids.count) bids, \(asks.count) asks, best \(best(bids)) / \(best(asks))"
    }
    let changes = bids.map { style.paint("bid", .good) + " " + level($0) } + asks.map { style.paint("ask", .bad) + " " + level($0) }
    return changes.joined(separator: "  ")
  }

  private func level(_ level: JSON) -> String {
    let price = level["price"] ?? level["limit_price"]
    let qty = level["qty"] ?? level["order_qty"]
    return "\(price?.plainText ?? "?")×\(qty?.plainText ?? "?")"
  }
}
