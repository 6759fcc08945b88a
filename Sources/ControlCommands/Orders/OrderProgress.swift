// What becomes of one request and of the order it made, from the lines that the bridge sends back.

import KrakenBridgeClient

/// Follows one request and the order it made. A value, so that every order of events is tested.
struct OrderProgress {
  enum Goal: Sendable {
    /// Kraken has answered.
    case answered
    /// The order stands in the book, or is over.
    case settled
    /// Nothing more happens to the order, or nothing more is known.
    case over

    func isReached(by stage: String) -> Bool {
      switch stage {
      case "filled", "canceled", "expired", "rejected", "unknown": true
      case "open", "partially_filled": self != .over
      default: false
      }
    }
  }

  let answersExpected: Int
  let goal: Goal
  private(set) var answers = 0
  /// The code of the first answer that is a refusal.
  private(set) var refusal: String?
  private var isStageReached = false

  init(answersExpected: Int, goal: Goal) {
    self.answersExpected = answersExpected
    self.goal = goal
  }

  var isAnswered: Bool { answers >= answersExpected || refusal != nil }

  var isFinished: Bool { refusal != nil || (isAnswered && (goal == .answered || isStageReached)) }

  /// True if the message belongs to this request.
  mutating func take(_ message: BridgeMessage) -> Bool {
    switch message {
    case .answer(let answer) where answer.requestID == 1:
      answers += 1
      if !answer.success, refusal == nil { refusal = answer.code ?? "internal" }
      return true
    case .event(let event) where event.channel == "orders":
      let data = event.data
      guard data["req_id"] == nil || data["req_id"]?.uint64 == 1 else { return false }
      if let stage = data["stage"]?.string, goal.isReached(by: stage) { isStageReached = true }
      return true
    case .state, .stale, .gap, .goodbye: return true
    default: return false
    }
  }

  static func text(_ message: BridgeMessage, _ style: Style) -> String {
    guard case .event(let event) = message else { return EventText(style: style).line(message) }
    let data = event.data
    let stage = data["stage"]?.plainText ?? "?"
    var words = [style.paint(EventText.clock(event.received), .dim), style.paint(stage.fitted(to: 16), Style.ink(forState: stage))]
    for key in ["order_id", "cl_ord_id", "cum_qty", "avg_price", "reason", "error"] {
      if let value = data[key]?.plainText, !value.isEmpty { words.append("\(style.paint(key, .dim)) \(value)") }
    }
    return words.joined(separator: " ")
  }
}
