// What happens because nothing happened.

import BridgeWire
import MarketData

extension OrderDesk {
  /// Monotonic; nil if nothing is to be waited for.
  public var nextDeadline: Int64? {
    [deadlines.nextAt, farewells.nextAt].compactMap { $0 }.min()
  }

  public mutating func deadlineReached(now: Moment) -> [DeskAction] {
    while let number = deadlines.take(now: now.monotonic) {
      guard let request = requests[number] else { continue }
      guard !request.isTold else {
        requests[number] = nil
        continue
      }
      giveUp(request, "no answer within \(configuration.answerDeadline)", now: now)
      requests[number]?.isTold = true
      deadlines.add(number, at: now.monotonic + Self.lateAnswerKept.nanoseconds)
    }
    while let key = farewells.take(now: now.monotonic) { forget(key) }
    return drain()
  }

  /// The answer to a request is not there in time, or cannot come any more.
  mutating func giveUp(_ request: PendingRequest, _ reason: String, now: Moment) {
    refuse(request, .outcomeUnknown, "\(reason): the outcome is unknown", now: now)
    guard case .add(let keys) = request.purpose else { return }
    for key in keys where orders[key]?.progress.lose() == true {
      tell(.unknown, of: key, [Field("reason", quoted: reason)])
    }
  }
}
