// How far one order has come, as its trader is told, and which next word is possible: stages go forwards, one after the
// other, and end once. Written from the contract alone.

struct ToldOrder {
  /// As the trader asked: with a `cl_ord_id`, or known by its request alone.
  let tag: Int
  let clientID: String?
  let requestID: Int
  let askedAt: Int64
  /// How many doubts the world had had by then.
  let doubts: Int
  /// The last stage that was told, `unknown` aside.
  private(set) var stage: String?
  private(set) var isUnknown = false
  /// Stages may have been passed unsaid.
  private(set) var mayHaveSkipped = false
  private(set) var fills: Set<String> = []
  private(set) var orderID: String?
  /// It is over, and the bridge has forgotten it: only the account says how it ended.
  private(set) var isForgotten = false
  /// The answer: nothing was sent.
  var isRefusedHere = false
  /// Kraken has said yes.
  var isGranted = false

  static let ranks = [
    "submitted": 0, "accepted": 1, "pending": 2, "open": 3, "partially_filled": 4, "filled": 5, "canceled": 5,
    "expired": 5, "rejected": 5,
  ]

  init(tag: Int, clientID: String?, requestID: Int, askedAt: Int64, doubts: Int) {
    (self.tag, self.clientID, self.requestID, self.askedAt, self.doubts) = (tag, clientID, requestID, askedAt, doubts)
  }

  var isOver: Bool { !isUnknown && stage.flatMap { Self.ranks[$0] } == 5 }
  /// The bridge has spoken of it and expects to speak of it again.
  var isLive: Bool { stage != nil && !isOver && !isForgotten }

  /// Everything that happens is told step by step as long as nothing is in doubt.
  mutating func take(_ data: WireValue, doubts: Int) -> String? {
    guard let next = data["stage"]?.string else { return "no stage" }
    if doubts != self.doubts { mayHaveSkipped = true }
    guard !isForgotten else { return "\(next) of an order that is over" }
    if isOver { return "\(next) after \(stage ?? "")" }
    if let id = data["order_id"]?.string { orderID = id }
    guard next != "unknown" else {
      guard !isUnknown else { return "unknown twice" }
      isUnknown = true
      mayHaveSkipped = true
      return stage == nil ? "unknown before submitted" : nil
    }
    guard let rank = Self.ranks[next] else { return "a stage nobody knows: \(next)" }
    let before = stage.flatMap { Self.ranks[$0] } ?? -1
    guard rank >= before else { return "\(next) after \(stage ?? "")" }
    guard stage != nil || next == "submitted" else { return "\(next) comes first" }
    if let fill = data["exec_id"]?.string, data["exec_type"]?.isEqual(to: "trade") ?? false {
      // After a doubt everything that is known is said again, the last fill with it.
      guard fills.insert(fill).inserted || isUnknown else { return "fill \(fill) twice" }
    }
    let isStep = isUnknown || mayHaveSkipped || follows(next, rank: rank, before: before, data)
    guard isStep else { return "\(next) right after \(stage ?? "")" }
    stage = next
    isUnknown = false
    return nil
  }

  private func follows(_ next: String, rank: Int, before: Int, _ data: WireValue) -> Bool {
    switch next {
    case "rejected": before == 0
    case "canceled", "expired": before >= (data["cum_qty"].map { $0.isZero } ?? true ? 1 : 3)
    case "filled": before >= 3
    // Each fill and each change is told, so that a stage may come again.
    default: rank - before <= 1
    }
  }

  mutating func forget() {
    isForgotten = true
    mayHaveSkipped = true
  }

  /// A snapshot says where it is, not how it came there.
  mutating func replace(_ data: WireValue) -> String? {
    guard let now = data["stage"]?.string else { return "no stage" }
    mayHaveSkipped = true
    if let id = data["order_id"]?.string { orderID = id }
    guard now != "unknown" else {
      isUnknown = true
      stage = stage ?? "submitted"
      return nil
    }
    guard let rank = Self.ranks[now] else { return "a stage nobody knows: \(now)" }
    guard rank >= stage.flatMap({ Self.ranks[$0] }) ?? -1 else { return "a snapshot says \(now) after \(stage ?? "")" }
    if isOver, now != stage { return "a snapshot says \(now) after \(stage ?? "")" }
    stage = now
    isUnknown = false
    return nil
  }
}

extension WireValue {
  fileprivate var isZero: Bool { slice.allSatisfy { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: ".") } }
}
