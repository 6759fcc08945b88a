import KrakenWire
import MarketData
import Testing

@testable import KrakenSession

@Suite("Tokens")
struct TokenTests {
  static func token(_ text: String) -> Secret { Array(text.utf8).withUnsafeBytes { Secret($0) } }

  static func conversation() -> Conversation {
    var configuration = SessionConfiguration()
    configuration.usesToken = true
    configuration.jitter = 0
    return Conversation(configuration)
  }

  static func refusal(_ request: SentRequest) -> String { Kraken.refused(request, nil, "ESession:Invalid session") }

  @Test func isAskedForOncePerConnectionAndBeforeAnythingElse() {
    let talk = Self.conversation()
    _ = talk.session.want(.executions, now: talk.now)
    #expect(talk.connect().contains(.needToken))
    #expect(talk.settle().isEmpty, "nothing is requested without a token")
    #expect(talk.say(#"{"channel":"heartbeat"}"#).isEmpty)
    talk.session.tokenArrived(Self.token("T1"), now: talk.now)
    let sent = talk.settle().requests
    #expect(sent.count == 1 && sent[0].token == "T1")
    _ = talk.closed()
    #expect(talk.reconnect().contains(.needToken), "another connection, another token")
  }

  @Test func isNotAskedForOnThePublicEndpoint() {
    let talk = Conversation(SessionConfiguration())
    #expect(!talk.connect().contains(.needToken))
  }

  @Test func nothingIsDueWhileItIsAwaited() throws {
    let talk = Self.conversation()
    _ = talk.session.want(.executions, now: talk.now)
    _ = talk.connect()
    #expect(try #require(talk.session.nextDeadline) > talk.now.monotonic, "no busy loop")
  }

  @Test func refusedTokensAreReplacedAndTheRequestIsMadeAgain() {
    let talk = Self.conversation()
    _ = talk.session.want(.executions, now: talk.now)
    _ = talk.session.want(.balances, now: talk.now)
    _ = talk.connect()
    talk.session.tokenArrived(Self.token("T1"), now: talk.now)
    let first = talk.settle().requests
    #expect(first.count == 2)
    #expect(talk.say(Self.refusal(first[0])).contains(.needToken))
    #expect(!talk.say(Self.refusal(first[1])).contains(.needToken), "one is on its way")
    talk.session.tokenArrived(Self.token("T2"), now: talk.now)
    let second = talk.settle().requests
    #expect(second.count == 2 && second.allSatisfy { $0.token == "T2" })
  }

  @Test func aLateRefusalOfAnOldTokenReplacesNothing() {
    let talk = Self.conversation()
    _ = talk.session.want(.executions, now: talk.now)
    _ = talk.session.want(.balances, now: talk.now)
    _ = talk.connect()
    talk.session.tokenArrived(Self.token("T1"), now: talk.now)
    let first = talk.settle().requests
    _ = talk.say(Self.refusal(first[0]))
    talk.session.tokenArrived(Self.token("T2"), now: talk.now)
    #expect(!talk.say(Self.refusal(first[1])).contains(.needToken))
    #expect(talk.settle().requests.map(\.token) == ["T2", "T2"])
  }

  @Test func aTokenThatIsRefusedAgainAndAgainFailsTheTopic() {
    let talk = Self.conversation()
    _ = talk.session.want(.executions, now: talk.now)
    _ = talk.connect()
    var asked = 0
    for round in 0..<20 {
      talk.session.tokenArrived(Self.token("T\(round)"), now: talk.now)
      guard let request = talk.settle().requests.first else { break }
      if talk.say(Self.refusal(request)).contains(.needToken) { asked += 1 }
    }
    #expect(asked == SessionConfiguration().tokenRenewalsMax)
  }

  @Test func withoutATokenTheConnectionIsGivenUpAndTriedAgain() {
    let talk = Self.conversation()
    _ = talk.session.want(.executions, now: talk.now)
    _ = talk.connect()
    let actions = talk.session.tokenFailed("rate limit", isFinal: false, now: talk.now)
    #expect(actions.contains { if case .closeTransport = $0 { true } else { false } })
    #expect(talk.session.nextDeadline != nil, "it is tried again")
    #expect(talk.reconnect().contains(.needToken))
  }

  @Test func badCredentialsEndItUntilItIsStartedAgain() {
    let talk = Self.conversation()
    _ = talk.session.want(.executions, now: talk.now)
    _ = talk.connect()
    let actions = talk.session.tokenFailed("EAPI:Invalid key", isFinal: true, now: talk.now)
    #expect(actions.contains { if case .upstreamChanged(let change) = $0 { change.reason?.contains("Invalid key") == true } else { false } })
    #expect(talk.session.nextDeadline == nil)
    talk.session.start(now: talk.now)
    #expect(talk.session.nextDeadline != nil)
  }

  @Test func aTokenForALostConnectionIsDropped() {
    let talk = Self.conversation()
    _ = talk.session.want(.executions, now: talk.now)
    _ = talk.connect()
    _ = talk.session.transportClosed(code: 1006, reason: "", now: talk.now)
    talk.session.tokenArrived(Self.token("T1"), now: talk.now)
    #expect(talk.session.token == nil)
  }

  @Test func doesNotPrint() {
    let talk = Self.conversation()
    _ = talk.connect()
    talk.session.tokenArrived(Self.token("T0PSECRET"), now: talk.now)
    var dumped = ""
    dump(talk.session, to: &dumped)
    #expect(talk.session.token != nil && !dumped.contains("T0PSECRET"))
  }
}
