// What becomes of one request and of the order it made, from the lines that the bridge sends back.

import KrakenBridgeClient

/// Follows one request and the order it made. A value, so that every order of events is tested.
struct OrderProgress {
  enum Goal: Sendable {
    /// Kraken has answered.
    case answered
    /// The order stands in the book, or is over.
    case settled
    /// Nothing more happens to the order.
    case over

    func isReached(by stage: String) -> Bool {
      switch stage {
      case "filled", "canceled", "expired", "rejected": true
      case "open", "partially_filled": self == .settled
      default: false
      }
    }
  }

  let answersExpected: Int
  let goal: Goal
  private(set) var answers = 0
  /// The code of the first answer that is a refusal for good.
  private(set) var refusal: String?
  /// Whether the bridge has said that nobody knows what became of the request; it finds out, and says that too.
  private(set) var isInDoubt = false
  private(set) var stage: String?

  init(answersExpected: Int = 1, goal: Goal) {
    self.answersExpected = answersExpected
    self.goal = goal
  }

  var isAnswered: Bool { answers >= answersExpected }

  var isFinished: Bool {
    isAnswered && (refusal != nil || goal == .answered || stage.map(goal.isReached) ?? false)
  }

  /// How the program ends if nothing more comes.
  var ending: ExitStatus {
    if let refusal { return ExitStatus(answerCode: refusal) }
    if isInDoubt || !isFinished { return .tryAgain }
    return stage == "rejected" ? .badData : .ok
  }

  /// True if the message belongs to this request.
  mutating func take(_ message: BridgeMessage) -> Bool {
    switch message {
    case .answer(let answer) where answer.requestID == 1:
      // Kraken says what is wrong with one order as EOrder, and what is wrong with the request as a whole once.
      let isWhole = !answer.success && answer.error?.hasPrefix("EOrder:") != true
      answers = isWhole ? answersExpected : answers + 1
      switch answer.code {
      case _ where answer.success: break
      case "outcome_unknown", "timeout": isInDoubt = true
      default: refusal = refusal ?? answer.code ?? "internal"
      }
      return true
    case .event(let event) where event.channel == "orders":
      let data = event.data
      guard data["req_id"] == nil || data["req_id"]?.uint64 == 1 else { return false }
      guard let stage = data["stage"]?.string else { return true }
      isInDoubt = stage == "unknown"
      if !isInDoubt { self.stage = stage }
      return true
    case .state, .stale, .gap, .goodbye: return true
    default: return false
    }
  }
}
