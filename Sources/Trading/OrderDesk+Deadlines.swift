// What happens because nothing happened, and what is in doubt from then on.

import BridgeWire
import MarketData

extension OrderDesk {
  /// Monotonic; nil if nothing is to be waited for.
  public var nextDeadline: Int64? {
    [deadlines.nextAt, lateDeadlines.nextAt, farewells.nextAt, cancelChecks.nextAt, searchAt, deadMansSwitch.nextAt]
      .compactMap { $0 }.min()
  }

  public mutating func deadlineReached(now: Moment) -> [DeskAction] {
    while let number = deadlines.take(now: now.monotonic) {
      guard let request = requests[number] else { continue }
      requests[number]?.isTold = true
      lateDeadlines.add(number, at: now.monotonic + Self.lateAnswerKept.nanoseconds)
      giveUp(request, "no answer within \(configuration.answerDeadline)", isLost: false, now: now)
    }
    while let number = lateDeadlines.take(now: now.monotonic) { requests[number] = nil }
    while let key = farewells.take(now: now.monotonic) { forget(key) }
    while let key = cancelChecks.take(now: now.monotonic) { checkCancel(key, now: now) }
    renewSwitch(now: now)
    searchOn(now: now)
    return drain()
  }

  /// The answer to a request is not there in time, or cannot come any more.
  mutating func giveUp(_ request: PendingRequest, _ reason: String, isLost: Bool, now: Moment) {
    let message = "\(reason): the outcome is unknown"
    switch request.purpose {
    case .add(let keys):
      refuse(request, .outcomeUnknown, message, now: now)
      // Once it was told that there is no answer, the order is followed by its reports, like every other.
      for key in keys where !request.isTold || !isLost || orders[key]?.progress.isUnknown == true {
        doubt(key, reason, isLost: isLost, now: now)
      }
    case .edit(let key):
      refuse(request, .outcomeUnknown, message, now: now)
      orders[key]?.edit?.isUncertain = true
      if isLost || orders[key]?.edit?.heldEnd != nil {
        doubt(key, reason, isLost: isLost, now: now)
      } else {
        searchMissedReports(key, now: now)
      }
    case .cancel(let left, let isOpenEnded, let isAnswered):
      for _ in 0..<(isOpenEnded && isAnswered ? 0 : max(left, 1)) {
        refuse(request, .outcomeUnknown, message, now: now)
      }
    case .switchTimer, .plain:
      refuse(request, .outcomeUnknown, message, now: now)
    case .ownCancel, .ownSwitchTimer:
      if !request.isTold { log(.warning, "\(request.head.method): \(reason)") }
    }
  }

  /// Kraken does not say what became of an order.
  private mutating func doubt(_ key: OrderKey, _ reason: String, isLost: Bool, now: Moment) {
    guard let order = orders[key], order.isLive else { return }
    if order.isNameless { claimByLikeness(key, now: now) }
    lose(key, reason, now: now)
    guard !isLost else {
      return beginSearch(key, at: max(order.sentAt.monotonic, now.monotonic) + order.patience.nanoseconds)
    }
    // The connection is alive: what the executions have shown of the order holds.
    if order.edit == nil, let order = orders[key], order.orderID != nil,
      order.progress.reached.rank >= OrderStage.pending.rank
    {
      let stages = orders[key]?.progress.advance(to: order.progress.reached) ?? []
      for stage in stages { tell(stage, of: key, order.record) }
    } else {
      beginSearch(key, at: now.monotonic)
    }
  }

  mutating func lose(_ key: OrderKey, _ reason: String, now: Moment) {
    guard orders[key]?.progress.lose() == true else { return }
    tell(.unknown, of: key, [Field("reason", quoted: reason)])
  }
}
