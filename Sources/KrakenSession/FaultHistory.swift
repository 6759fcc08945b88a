// What a topic's failures add up to: growing pauses, and quarantine when they come too close.

import MarketData

struct FaultHistory: Sendable {
  /// Monotonic times of failures inside the window, oldest first.
  private var recent: [Int64] = []
  /// Failures since they were last forgiven.
  private(set) var count = 0
  private(set) var isQuarantined = false

  enum Verdict: Equatable {
    case pause(Duration)
    case quarantine(Duration, isNew: Bool)
  }

  mutating func failed(now: Int64, configuration: SessionConfiguration) -> Verdict {
    let start = now - configuration.quarantineWindow.nanoseconds
    recent.removeAll { $0 <= start }
    recent.append(now)
    count += 1
    if recent.count >= configuration.quarantineAfterFailures || isQuarantined {
      let isNew = !isQuarantined
      isQuarantined = true
      return .quarantine(configuration.quarantinePause, isNew: isNew)
    }
    let pauses = configuration.failurePauses
    return .pause(pauses.isEmpty ? .zero : pauses[min(count, pauses.count) - 1])
  }

  /// The topic was live and well for long enough. True when there was something to forgive.
  mutating func forgive() -> Bool {
    guard count > 0 else { return false }
    self = FaultHistory()
    return true
  }
}
