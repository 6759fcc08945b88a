// Opening and losing the connection. All ends of a connection, ours and theirs, go through `lose`.

import MarketData

extension KrakenSession {
  public mutating func transportOpened(now: Moment) -> [SessionAction] {
    guard case .opening = phase else { return [] }
    latest = now.monotonic
    phase = .open
    connection = Connection(openedAt: now.monotonic)
    connectionsOpened += 1
    ledger.isUnsettled = true
    return []
  }

  /// The transport could not be opened.
  public mutating func transportFailed(_ failure: TransportFailure, now: Moment) -> [SessionAction] {
    guard case .opening = phase else { return [] }
    latest = now.monotonic
    var actions: [SessionAction] = []
    lose(failure.ending, failure.description, isTroubled: failure.isTrouble, now: now.monotonic, &actions)
    return actions
  }

  /// The transport ended without our doing.
  /// - Parameter code: of the close frame; nil if there was none.
  public mutating func transportClosed(code: UInt16?, reason: String, now: Moment) -> [SessionAction] {
    guard hasTransport else { return [] }
    latest = now.monotonic
    var actions: [SessionAction] = []
    var why = code.map { "closed by the server with code \($0)" } ?? "connection closed"
    if !reason.isEmpty { why += ": " + reason }
    // Policy violation, restart, try again later: whoever says so does not want us back at once.
    let isTroubled = code == 1008 || code == 1012 || code == 1013
    let isStable = phase == .open && connection.isStable(limits)
    lose(isStable ? .stableConnection : .failure, why, isTroubled: isTroubled, now: now.monotonic, &actions)
    return actions
  }

  /// We end the connection because it is of no use.
  /// - Parameter isUseless: it lived, but nothing we asked for came of it; a new one is not due at once.
  mutating func abandon(_ why: String, isUseless: Bool = false, now: Int64, _ actions: inout [SessionAction]) {
    // 4000 to 4999 are for private use: Kraken's side may tell these closes from others.
    actions.append(.closeTransport(code: 4000, why: why))
    let isStable = phase == .open && !isUseless && connection.isStable(limits)
    lose(isStable ? .stableConnection : .failure, why, isTroubled: false, now: now, &actions)
  }

  private mutating func lose(
    _ ending: Backoff.Ending, _ why: String, isTroubled: Bool, now: Int64, _ actions: inout [SessionAction]
  ) {
    let wasOpen = phase == .open
    if wasOpen, connection.wasLive { actions.append(.allStale(.upstreamLost)) }
    forgetConnection(now: now)
    let pause = backoff.pause(
      after: ending, isTroubled: isTroubled || !exchangeIsOnline, configuration: configuration, using: &generator)
    phase = .waiting(until: now + pause.nanoseconds)
    change(to: .offline, reason: why, retryIn: pause, &actions)
    if wasOpen {
      let count = offences.add(.upstreamLost)
      actions.append(.log(SessionLogEvent(.upstreamLost, "upstream lost: \(why)", reason: why, count: count)))
    } else if let count = offences.note(.attemptFailed) {
      actions.append(.log(SessionLogEvent(.attemptFailed, "cannot connect: \(why)", reason: why, count: count)))
    }
  }

  /// Kraken has nothing of ours any more.
  mutating func forgetConnection(now: Int64) {
    for id in ledger.ids where ledger.isOccupied(id) {
      if case .paused? = ledger[id].hold?.reason { ledger[id].hold = nil }
      ledger.move(id, to: .absent, now: now)
    }
    requests.removeAll()
    authority = Authority()
    requestsHeldUntil = .min
    connection.wasLive = false
    connection.subscribedSince = nil
    connectionID = nil
  }

  /// As last heard; without news it is presumed to be.
  var exchangeIsOnline: Bool { system.map { UpstreamState(system: $0) == .online } ?? true }

  /// Orders a transport if the budget allows it.
  mutating func attempt(now: Moment, budget: inout AttemptBudget, _ actions: inout [SessionAction]) {
    guard budget.spend(now: now) else {
      let free = budget.nextFree(now: now)
      phase = .waiting(until: free)
      let pause = Duration.nanoseconds(free - now.monotonic)
      change(to: .offline, reason: "too many connection attempts", retryIn: pause, &actions)
      if let count = offences.note(.budgetExhausted) {
        let seconds = pause.components.seconds
        actions.append(
          .log(SessionLogEvent(.budgetExhausted, "attempt budget spent, next attempt in \(seconds) s", count: count)))
      }
      return
    }
    backoff.attempted()
    phase = .opening(until: now.monotonic + configuration.openDeadline.nanoseconds)
    actions.append(.budgetChanged)
    change(to: .connecting, reason: reason, &actions)
    actions.append(.openTransport)
  }
}

extension TransportFailure: CustomStringConvertible {
  public var description: String {
    switch self {
    case .httpStatus(let status): "HTTP status \(status)"
    case .connect(let why): "cannot reach the server: \(why)"
    case .tls(let why): "TLS: \(why)"
    case .timeout: "no connection in time"
    }
  }

  /// 429 and 5xx pass; other statuses mean that the request or its sender is not welcome.
  var ending: Backoff.Ending {
    guard case .httpStatus(let status) = self, 300..<500 ~= status, !isTrouble else { return .failure }
    return .blocked
  }

  var isTrouble: Bool {
    guard case .httpStatus(let status) = self else { return false }
    return status == 408 || status == 425 || status == 429 || status >= 500
  }
}
