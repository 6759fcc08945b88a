// Everything that goes wrong: faults of the exchange and of the network, a wall clock that is set.

import BridgeCore
import KrakenSession
import MarketData
import SimulatedExchange

extension World {
  func planTrouble() {
    let end = start + plan.troubleEnds
    agenda.plan(.calm, at: end)
    let count = Int64(plan.faultsPerMinute) * plan.troubleEnds / (60 * .second)
    for _ in 0..<count { agenda.plan(.trouble, at: trouble.time(start + .second, end - 1)) }
    for _ in 0..<(plan.isCrashLoop ? 1 : plan.restarts) {
      let at = trouble.time(start + 2 * .second, (plan.isCrashLoop ? start + 4 * .second : end) - 1)
      agenda.plan(.restart, at: at)
      if plan.keepsReaders { agenda.plan(.checkpoints, at: at - trouble.time(0, 5 * .second)) }
    }
    for _ in 0..<plan.wallSteps { agenda.plan(.wallStep, at: trouble.time(start, end - 1)) }
  }

  func makeTrouble() {
    guard !isCalm else { return }
    switch trouble.below(12) {
    case 0: cutLink(anyLink)
    case 1: killLink(anyLink)
    default: injectFault()
    }
  }

  /// Where there is an account, troubles are shared among its connections and the market's.
  private var anyLink: LinkName { plan.account == nil ? .public : trouble.pick([.public, .private, .private, .level3]) }

  /// The connection ends without a word from either side.
  private func cutLink(_ name: LinkName) {
    let link = link(name)
    guard link.isOpen else { return }
    trace("trouble: the network cuts \(name.text)")
    if let id = link.connection { exchange.disconnected(id, now: exchangeNow) }
    links[Int(name.rawValue)].connection = nil
    links[Int(name.rawValue)].inbound = [.closed(code: nil, reason: "")]
    agenda.plan(.arrival(link.id), at: now)
  }

  /// Half-open: both sides believe in it.
  private func killLink(_ name: LinkName) {
    guard link(name).isOpen else { return }
    trace("trouble: \(name.text) is half-open")
    links[Int(name.rawValue)].isDead = true
    links[Int(name.rawValue)].inbound = []
  }

  private func injectFault() {
    let isOfAccount = plan.account != nil && trouble.onceIn(2)
    let ofAll = plan.isLossy ? Self.undetectable + Self.detectable : Self.detectable
    let name = trouble.pick(isOfAccount ? Self.ofAccounts : ofAll)
    var fault = Fault(name)
    if trouble.onceIn(2) { fault.symbol = trouble.pick(exchange.instruments).symbol }
    if trouble.onceIn(3) { fault.channel = trouble.pick(plan.account == nil ? Self.channels : Self.channels + Self.accountChannels) }
    if trouble.onceIn(2) { fault.count = trouble.within(1...6) }
    if trouble.onceIn(3) { fault.duration = trouble.time(.second / 2, 15 * .second) }
    if trouble.onceIn(3) { fault.delay = trouble.time(10 * .millisecond, 7 * .second) }
    switch name {
    case .close: fault.code = trouble.pick([1000, 1001, 1006, 1008, 1012, 1013, 4000])
    case .httpStatus: fault.code = trouble.pick([429, 500, 503, 403, 404, 401])
    case .oversized: fault.size = trouble.within(10_000...200_000)
    case .slowFrames:
      fault.delay = trouble.time(.millisecond, 20 * .millisecond)
      fault.size = trouble.within(20...200)
    case .system: fault.text = trouble.pick(["online", "maintenance", "cancel_only", "post_only"])
    case .pairStatus: fault.text = trouble.pick(["online", "cancel_only", "post_only", "maintenance", "delisted"])
    case .stall, .maintenance: fault.flag = trouble.onceIn(2)
    case .emptySide: fault.text = trouble.pick(["bids", "asks"])
    case .sequenceGap, .sequenceRepeat, .sequenceRestart: fault.channel = trouble.pick([.executions, .balances])
    case .restStatus: fault.code = trouble.pick([429, 500, 502, 503, 520])
    case .restError:
      fault.text = trouble.pick(["EService:Unavailable", "EAPI:Rate limit exceeded", "EGeneral:Internal error"])
    default: break
    }
    if Self.undetectable.contains(name) { hasLostMessages = true }
    trace("trouble: \(fault)")
    exchange.inject(fault)
  }

  /// Faults after which what Kraken said is not what Kraken's book is, and no checksum tells.
  private static let undetectable: [Fault.Name] = [
    .lostUpdate, .swappedUpdates, .missingSnapshot, .silence, .strayUpdates,
  ]
  /// Those of accounts and orders.
  private static let ofAccounts: [Fault.Name] = [
    .sequenceGap, .sequenceRepeat, .sequenceRestart, .tokenExpired, .tokenRefused, .nonceError, .restStatus, .restError,
    .restDelay, .restCut, .orderAnswerLate, .orderAnswerFirst, .orderAnswerLost, .cutBeforeOrder, .cutAfterOrder,
    .refuseOrder, .restate, .otherShapes,
  ]
  private static let detectable = Fault.Name.allCases.filter { !undetectable.contains($0) && !ofAccounts.contains($0) }
  private static let channels: [ChannelName] = [.ticker, .book, .trade, .ohlc, .instrument]
  private static let accountChannels: [ChannelName] = [.executions, .balances, .level3]

  // MARK: The end of trouble

  func beCalm() {
    trace("calm")
    isCalm = true
    calmSince = now
    exchange.clearFaults()
    lossesEnd = max(now, links.map(\.lastArrival).max() ?? now)
    for instrument in exchange.instruments where instrument.status != .online {
      exchange.inject(Fault(.pairStatus, symbol: instrument.symbol, text: "online"))
    }
    for reader in readers {
      // Who cannot ask any more could never have what was refused to it before.
      if reader.socket?.isHalfClosed ?? false { leave(reader) }
      behave(reader)
    }
    agenda.plan(.look, at: now + 2 * .second)
  }

  func look() {
    for reader in readers {
      askForTheRest(reader)
      probe(reader)
    }
    askForDoubts()
    let why = whyUnsettled()
    isSettled = why == nil
    trace("unsettled: \(why ?? "nothing")")
    if !isSettled { agenda.plan(.look, at: now + 2 * .second) }
  }

  // MARK: Clocks

  func stepWallClock() {
    let isBack = trouble.onceIn(2)
    let step = trouble.onceIn(2) ? trouble.time(0, 2 * .second) : trouble.time(0, 3600 * .second)
    wallOffset += isBack ? -step : step
    if isBack { hasSteppedBack = true }
    trace("trouble: the wall clock steps \(isBack ? "back" : "on") by \(step / .millisecond) ms")
  }
}
