// How far an order has come, as its owner is told: forwards only, nothing left out, nothing twice.
//
// Kraken tells of an order twice over, in its answer and in the executions, and either may come first. Each piece of
// news proves that certain stages lie behind; whatever of these has not been told yet is told first. "Unknown" is not
// a place on the way but a doubt about it, so it stands beside the stage that was reached and goes with the next news.

public enum OrderStage: String, Sendable, CaseIterable {
  case submitted, accepted, pending, open
  case partiallyFilled = "partially_filled"
  case filled, canceled, expired, rejected, unknown

  public var isFinal: Bool {
    switch self {
    case .filled, .canceled, .expired, .rejected: true
    default: false
    }
  }

  /// Later stages have higher ranks; an order has one final stage.
  var rank: Int {
    switch self {
    case .submitted: 0
    case .accepted: 1
    case .pending: 2
    case .open: 3
    case .partiallyFilled: 4
    case .filled, .canceled, .expired, .rejected: 5
    case .unknown: -1
    }
  }

  /// What an order must have been through to be here.
  ///
  /// - Parameter hasFills: something of the order was filled, so that it was open even if it was canceled since.
  func stagesBefore(hasFills: Bool) -> [OrderStage] {
    switch self {
    case .submitted, .rejected, .unknown: []
    case .accepted: [.submitted]
    case .pending: [.submitted, .accepted]
    case .open: [.submitted, .accepted, .pending]
    case .partiallyFilled, .filled: [.submitted, .accepted, .pending, .open]
    case .canceled, .expired: hasFills ? [.submitted, .accepted, .pending, .open] : [.submitted, .accepted]
    }
  }
}

struct OrderProgress: Sendable, Equatable {
  /// The highest stage that was told; never `unknown`.
  private(set) var reached: OrderStage = .submitted
  /// The last that was told is `unknown`.
  private(set) var isUnknown = false

  /// Nothing more is expected to happen.
  var isOver: Bool { reached.isFinal && !isUnknown }
  var told: OrderStage { isUnknown ? .unknown : reached }

  /// Kraken says that the order is at `stage`.
  ///
  /// - Parameters:
  ///   - isRemark: the news says something of its own (a fill, an amendment) and is told even if the stage is not new,
  ///     as long as the order is not over.
  /// - Returns: what to tell, in order; the news itself belongs to the last one.
  mutating func advance(to stage: OrderStage, hasFills: Bool = false, isRemark: Bool = false) -> [OrderStage] {
    let wasUnknown = isUnknown
    isUnknown = false
    // A refusal is an inference as long as it is Kraken's or our own word against an execution report.
    if reached == .rejected, stage != .rejected {
      reached = stage
      return [stage]
    }
    guard stage.rank > reached.rank else {
      // After the end there is nothing more to say.
      return wasUnknown || isRemark && !reached.isFinal ? [reached] : []
    }
    let missing = stage.stagesBefore(hasFills: hasFills).filter { $0.rank > reached.rank }
    reached = stage
    return missing + [stage]
  }

  /// What is true after a time in which nothing was heard: this stage alone, without those passed meanwhile.
  ///
  /// - Parameter isNews: there is something to tell besides the stage.
  /// - Returns: nil when the order's owner knows already.
  mutating func settle(at stage: OrderStage, isNews: Bool = false) -> OrderStage? {
    let wasUnknown = isUnknown
    isUnknown = false
    let isRevived = reached == .rejected && stage != .rejected
    guard isRevived || stage.rank > reached.rank else { return wasUnknown || isNews ? reached : nil }
    reached = stage
    return stage
  }

  /// Nobody knows where the order is. False if that was so before, or if it is over.
  mutating func lose() -> Bool {
    guard !isOver, !isUnknown else { return false }
    isUnknown = true
    return true
  }
}
