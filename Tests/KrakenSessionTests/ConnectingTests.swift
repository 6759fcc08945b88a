// Opening, losing, and opening again.

import KrakenWire
import MarketData
import Testing

@testable import KrakenSession

@Suite struct ConnectingTests {
  let talk = Conversation()

  @Test func nothingHappensBeforeStart() {
    #expect(talk.session.nextDeadline == nil)
    #expect(talk.settle().isEmpty)
    #expect(talk.session.status.state == .offline)
  }

  @Test func startOrdersATransportAtOnce() {
    talk.session.start(now: talk.now)
    #expect(talk.session.nextDeadline == talk.now.monotonic)
    let actions = talk.settle()
    #expect(
      actions == [.budgetChanged, .upstreamChanged(UpstreamChange(state: .connecting, attempt: 1)), .openTransport])
    #expect(talk.session.status.attempt == 1)
  }

  @Test func firstMessageMakesItOnline() {
    talk.session.start(now: talk.now)
    _ = talk.settle()
    #expect(talk.opened().isEmpty)
    let actions = talk.say(Kraken.status())
    #expect(actions.changes == [UpstreamChange(state: .online, attempt: 0)])
    #expect(actions.logs(.upstreamBack).count == 1)
    #expect(actions.contains(.statusItem))
    let status = talk.session.status
    #expect(status.state == .online)
    #expect(status.system == "online")
    #expect(status.connectionID == "18266300427528990701")
    #expect(status.connectedSince == talk.now.monotonic)
  }

  @Test(arguments: [
    #"{"channel":"heartbeat"}"#, #"{"channel":"book","type":"update","data":[{"symbol":"A/B"}]}"#, "{}",
  ])
  func anyFirstMessageWillDo(text: String) {
    talk.session.start(now: talk.now)
    _ = talk.settle() + talk.opened()
    let actions = talk.say(text)
    #expect(actions.states == [.online])
    #expect(talk.say(text).changes.isEmpty)
  }

  @Test func messagesWithoutAConnectionAreNothing() {
    #expect(talk.say(Kraken.status()).isEmpty)
    #expect(talk.garbage("x").isEmpty)
    #expect(talk.session.status.messages == 0)
  }

  @Test func attemptsThatFailArePacedAndCounted() {
    talk.session.start(now: talk.now)
    var pauses: [Duration] = []
    for _ in 0..<7 {
      #expect(talk.settle().opens == 1)
      let actions = talk.failed(.connect("refused"))
      #expect(actions.states == [.offline])
      pauses.append(actions.changes[0].retryIn ?? .zero)
      #expect(talk.settle().isEmpty)
      talk.now = talk.now.advanced(by: pauses.last!)
    }
    #expect(pauses == [1, 5, 10, 20, 30, 30, 30].map { Duration.seconds($0) })
    #expect(talk.session.status.attempt == 7)
  }

  @Test func jitterStaysInItsBounds() {
    var pauses: Set<Duration> = []
    for seed in 0..<100 as Range<UInt64> {
      let talk = Conversation(SessionConfiguration(), seed: seed)
      talk.session.start(now: talk.now)
      for base in [1, 5, 10, 20, 30, 30] {
        _ = talk.settle()
        let pause = talk.failed(.timeout).changes[0].retryIn!
        #expect(pause >= .seconds(base) && pause <= .seconds(base) * 1.25)
        pauses.insert(pause)
        talk.now = talk.now.advanced(by: pause)
      }
    }
    #expect(pauses.count > 500)
  }

  @Test func sameSeedSameCourse() {
    func course(_ seed: UInt64) -> [SessionAction] {
      let talk = Conversation(SessionConfiguration(), seed: seed)
      talk.session.start(now: talk.now)
      var actions: [SessionAction] = []
      for _ in 0..<5 { actions += talk.settle() + talk.failed(.timeout) + talk.pass(.seconds(40)) }
      return actions
    }
    #expect(course(7) == course(7))
    #expect(course(7) != course(8))
  }

  @Test func aStableConnectionIsReplacedAtOnce() {
    _ = talk.connect()
    _ = talk.pass(.seconds(6))
    let actions = talk.closed(1001, "going away")
    #expect(
      actions.changes == [
        UpstreamChange(
          state: .offline, reason: "closed by the server with code 1001: going away", attempt: 0, retryIn: .zero)
      ])
    #expect(talk.settle().opens == 1)
  }

  @Test func acceptStatusDropIsNotHammered() {
    talk.session.start(now: talk.now)
    var attempts: [Int64] = []
    let begin = talk.now.monotonic
    while talk.now.monotonic < begin + 120_000_000_000 {
      if talk.settle().opens == 1 {
        attempts.append((talk.now.monotonic - begin) / 1_000_000_000)
        _ = talk.opened() + talk.say(Kraken.status()) + talk.closed()
      }
      talk.now.monotonic = talk.session.nextDeadline!
    }
    #expect(attempts == [0, 1, 6, 16, 36, 66, 96])
  }

  @Test func aConnectionThatSendsStatusAndThenNothingIsNotHammered() {
    _ = talk.want(.instrument)
    talk.session.start(now: talk.now)
    var attempts = 0
    let end = talk.now.monotonic + 600_000_000_000
    while talk.now.monotonic < end {
      if talk.settle().opens == 1 {
        attempts += 1
        _ = talk.opened() + talk.say(Kraken.status())
      }
      talk.now.monotonic = talk.session.nextDeadline!
    }
    #expect(attempts <= 22)
  }

  @Test(arguments: [429, 500, 502, 503, 520, 408])
  func overloadSetsAFloor(status: Int) {
    talk.session.start(now: talk.now)
    _ = talk.settle()
    #expect(talk.failed(.httpStatus(status)).changes[0].retryIn == .seconds(5))
    _ = talk.pass(.seconds(5))
    #expect(talk.failed(.httpStatus(status)).changes[0].retryIn == .seconds(5))
    _ = talk.pass(.seconds(5))
    #expect(talk.failed(.httpStatus(status)).changes[0].retryIn == .seconds(10))
  }

  @Test(arguments: [400, 401, 403, 404, 301])
  func refusalsMeanALongPause(status: Int) {
    talk.session.start(now: talk.now)
    var pauses: [Duration] = []
    for _ in 0..<6 {
      _ = talk.settle()
      pauses.append(talk.failed(.httpStatus(status)).changes[0].retryIn!)
      talk.now = talk.now.advanced(by: pauses.last!)
    }
    #expect(pauses == [60, 120, 240, 480, 600, 600].map { Duration.seconds($0) })
  }

  @Test(arguments: [1008, 1012, 1013] as [UInt16])
  func closeCodesThatAskForPatience(code: UInt16) {
    _ = talk.connect()
    _ = talk.pass(.seconds(20))
    #expect(talk.closed(code, "Market data unavailable").changes[0].retryIn == .seconds(5))
  }

  @Test(arguments: ["maintenance", "cancel_only", "post_only"])
  func maintenanceSetsAFloorUntilOnlineIsHeard(system: String) {
    _ = talk.connect()
    _ = talk.pass(.seconds(20))
    _ = talk.say(Kraken.status(system))
    #expect(talk.closed().changes[0].retryIn == .seconds(5))
    // Still so after an attempt that got nowhere.
    _ = talk.pass(.seconds(5))
    #expect(talk.failed(.timeout).changes[0].retryIn == .seconds(5))
    _ = talk.pass(.seconds(5), heartbeats: false)
    _ = talk.opened() + talk.say(Kraken.status("online"))
    _ = talk.pass(.seconds(20))
    #expect(talk.closed().changes[0].retryIn == .zero)
  }

  @Test(arguments: [
    ("maintenance", UpstreamState.maintenance), ("cancel_only", .cancelOnly), ("post_only", .postOnly),
    ("online", .online), ("never_heard_of", .online),
  ])
  func systemStatesAreTold(system: String, expected: UpstreamState) {
    talk.session.start(now: talk.now)
    _ = talk.settle() + talk.opened()
    #expect(talk.say(Kraken.status(system)).states == [expected])
    #expect(talk.session.status.system == system)
  }

  @Test func changesOfSystemAreToldOnce() {
    _ = talk.connect()
    #expect(talk.say(Kraken.status("online")).isEmpty)
    let down = talk.say(Kraken.status("maintenance"))
    #expect(down.changes == [UpstreamChange(state: .maintenance, reason: "the exchange is in maintenance", attempt: 0)])
    #expect(down.contains(.statusItem))
    #expect(down.logs(.upstreamState).count == 1)
    #expect(talk.say(Kraken.status("maintenance")).isEmpty)
    #expect(talk.say(Kraken.status("cancel_only")).states == [.cancelOnly])
    #expect(talk.say(Kraken.status("post_only")).states == [.postOnly])
    #expect(talk.say(Kraken.status("online")).changes == [UpstreamChange(state: .online, attempt: 0)])
  }

  @Test func otherStatusContentIsNewsWithoutAChangeOfState() {
    _ = talk.connect()
    let actions = talk.say(Kraken.status("online", connection: "1"))
    #expect(actions == [.statusItem])
    #expect(talk.session.status.connectionID == "1")
  }

  @Test func aTransportThatNeverAnswersIsGivenUp() {
    talk.session.start(now: talk.now)
    _ = talk.settle()
    let actions = talk.pass(.seconds(20))
    #expect(actions.closes == [4000])
    #expect(actions.states == [.offline])
  }

  @Test func eventsOfNoTransportAreIgnored() {
    #expect(talk.opened().isEmpty)
    #expect(talk.closed().isEmpty)
    #expect(talk.failed(.timeout).isEmpty)
    talk.session.start(now: talk.now)
    _ = talk.settle()
    _ = talk.failed(.timeout)
    #expect(talk.closed().isEmpty)
    #expect(talk.failed(.timeout).isEmpty)
    #expect(talk.opened().isEmpty)
    #expect(talk.session.status.attempt == 1)
  }

  @Test func closedWhileOpeningIsAFailedAttempt() {
    talk.session.start(now: talk.now)
    _ = talk.settle()
    let actions = talk.closed(nil, "")
    #expect(actions.changes[0].retryIn == .seconds(1))
    #expect(!actions.contains(.allStale(.upstreamLost)))
  }

  @Test func stopClosesCleanly() {
    _ = talk.connect()
    let id = talk.live(.book("BTC/USD", depth: 10))
    let actions = talk.stop()
    #expect(
      actions == [
        .closeTransport(code: 1000, why: "stopping"), .allStale(.upstreamLost),
        .upstreamChanged(UpstreamChange(state: .offline, reason: "stopped", attempt: 1)),
      ])
    #expect(talk.session.nextDeadline == nil)
    #expect(talk.stop().isEmpty)
    #expect(talk.closed().isEmpty)
    #expect(talk.pass(.seconds(100)).isEmpty)
    // Started again, it carries on with what is wanted.
    let again = talk.connect()
    #expect(again.opens == 1)
    #expect(again.subscribes.flatMap(\.topics) == [.book("BTC/USD", depth: 10)])
    #expect(talk.state(id) == .asked)
  }

  @Test func stopWhileWaitingAndOpening() {
    talk.session.start(now: talk.now)
    #expect(talk.stop().closes.isEmpty)
    talk.session.start(now: talk.now)
    _ = talk.settle()
    #expect(talk.stop().closes == [1000])
    #expect(talk.session.nextDeadline == nil)
  }
}

@Suite struct BudgetInSessionTests {
  @Test func anEmptyBudgetIsWaitedFor() {
    let talk = Conversation(budget: AttemptBudget(limit: 2, window: .seconds(600)))
    talk.session.start(now: talk.now)
    _ = talk.settle()
    _ = talk.failed(.timeout)
    _ = talk.pass(.seconds(1))
    _ = talk.failed(.timeout)
    let actions = talk.pass(.seconds(5))
    #expect(actions.opens == 0)
    #expect(
      actions.changes == [
        UpstreamChange(state: .offline, reason: "too many connection attempts", attempt: 2, retryIn: .seconds(594))
      ])
    #expect(actions.logs(.budgetExhausted).count == 1)
    #expect(talk.pass(.seconds(593)).opens == 0)
    #expect(talk.pass(.seconds(1)).opens == 1)
  }

  /// Whatever fails in whatever order, no window of 600 s holds more than 100 attempts of all sessions together.
  @Test(arguments: 0..<20 as Range<UInt64>)
  func neverExceededWhateverHappens(seed: UInt64) {
    var generator = SplitMix64(seed: seed)
    var configuration = SessionConfiguration()
    configuration.reconnectPauses = [.zero, .milliseconds(100)]
    var budget = AttemptBudget()
    var sessions = (0..<3).map { KrakenSession(configuration: configuration, seed: seed * 3 + UInt64($0)) }
    var now = Conversation.start
    for index in sessions.indices { sessions[index].start(now: now) }
    var attempts: [Int64] = []
    let end = now.monotonic + 3_000_000_000_000
    while now.monotonic < end {
      for index in sessions.indices {
        while let due = sessions[index].nextDeadline, due <= now.monotonic {
          let actions = sessions[index].deadlineReached(now: now, budget: &budget)
          attempts += Array(repeating: now.monotonic, count: actions.opens)
          guard actions.opens > 0 else { continue }
          switch Int.random(in: 0..<5, using: &generator) {
          case 0: _ = sessions[index].transportFailed(.timeout, now: now)
          case 1: _ = sessions[index].transportFailed(.httpStatus(Bool.random(using: &generator) ? 503 : 403), now: now)
          case 2: _ = sessions[index].transportClosed(code: nil, reason: "", now: now)
          case 3:
            _ = sessions[index].transportOpened(now: now)
            _ = sessions[index].transportClosed(code: 1006, reason: "", now: now)
          default: _ = sessions[index].transportOpened(now: now)
          }
        }
      }
      now.monotonic = max(now.monotonic + 1, sessions.compactMap(\.nextDeadline).min()!)
      if Int.random(in: 0..<10, using: &generator) == 0 {
        now.wall += Int64.random(in: -3_600...3_600, using: &generator) * 1_000_000_000
      }
    }
    #expect(attempts.count > 100)
    for (index, time) in attempts.enumerated() where index >= 100 {
      #expect(time - attempts[index - 100] >= 600_000_000_000)
    }
  }
}
