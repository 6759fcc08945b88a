// Answers and stages of orders as lines for people.

import KrakenBridgeClient

struct OrderText {
  let style: Style
  /// What has been shown of the order: names and numbers that stay the same are shown once.
  private var shown: [String: String] = [:]

  init(style: Style) {
    self.style = style
  }

  private static let fields = [
    "order_id", "cl_ord_id", "original_order_id", "order_qty", "limit_price", "last_qty", "last_price", "cum_qty", "avg_price", "reason",
    "warnings",
  ]

  /// `nil` for what the next stage says as well.
  mutating func line(_ message: BridgeMessage, hasStages: Bool) -> String? {
    switch message {
    case .answer(let answer) where answer.success:
      if hasStages { return nil }
      let fields = answer.result.members.map { "\(style.paint($0.name, .dim)) \($0.value.plainText)" }
      return ([style.paint("done", .good)] + fields).joined(separator: "  ")
    case .event(let event) where event.channel == "orders":
      let data = event.data
      let stage = data["stage"]?.plainText ?? "?"
      var words = [style.paint(EventText.clock(event.received), .dim), style.paint(stage.fitted(to: 16), Style.ink(forState: stage))]
      for name in Self.fields {
        guard let value = data[name]?.plainText, !value.isEmpty, shown[name] != value else { continue }
        shown[name] = value
        words.append("\(style.paint(name, .dim)) \(value)")
      }
      return words.joined(separator: " ").trimmingTrailingSpaces()
    default:
      return EventText(style: style).line(message)
    }
  }
}
