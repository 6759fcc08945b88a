// Channels whose messages are numbered, with a snapshot at the beginning and without.

import KrakenWire
import MarketData
import Testing

@testable import KrakenSession

extension Conversation {
  fileprivate var admittedLast: Bool {
    if case .accept? = admissions.last { true } else { false }
  }
}

@Suite("Numbered channels")
struct SequenceTests {
  static func message(_ sequence: UInt64, snapshot: Bool = false, channel: String = "executions") -> String {
    #"{"channel":"\#(channel)","type":"\#(snapshot ? "snapshot" : "update")","data":[],"sequence":\#(sequence)}"#
  }

  /// A conversation in which executions are live, with the snapshot as number 1.
  static func live() -> (Conversation, UpstreamTopicID) {
    let (talk, id) = connected(.executions)
    subscribe(talk)
    _ = talk.say(message(1, snapshot: true))
    return (talk, id)
  }

  /// A conversation that is about to ask for a topic.
  static func connected(
    _ topic: UpstreamTopic, _ account: AccountParameters = AccountParameters()
  ) -> (Conversation, UpstreamTopicID) {
    let talk = TokenTests.conversation()
    talk.session.use(account)
    let id = talk.session.want(topic, now: talk.now)
    _ = talk.connect()
    talk.session.tokenArrived(TokenTests.token("T"), now: talk.now)
    return (talk, id)
  }

  static func subscribe(_ talk: Conversation) {
    for request in talk.settle().subscribes { _ = talk.say(Kraken.granted(request, nil)) }
  }

  @Test func consecutiveMessagesAreTaken() {
    let (talk, _) = Self.live()
    for sequence in UInt64(2)...20 { #expect(talk.say(Self.message(sequence)).isEmpty && talk.admittedLast) }
  }

  @Test func theCeilingOfTheRateCounterIsTold() {
    let talk = TokenTests.conversation()
    _ = talk.session.want(.executions, now: talk.now)
    _ = talk.connect()
    talk.session.tokenArrived(TokenTests.token("T"), now: talk.now)
    let reqID = talk.settle().requests[0].reqID
    let told = talk.say(#"{"method":"subscribe","req_id":\#(reqID),"result":{"channel":"executions","maxratecount":180},"success":true}"#)
    #expect(told.contains(.rateCeiling(180)))
  }

  @Test(arguments: [4, 2, 1, 3 + 1000] as [UInt64])
  func anyOtherNumberMeansThatSomethingWasLost(sequence: UInt64) {
    let (talk, id) = Self.live()
    _ = talk.say(Self.message(2))
    let actions = talk.say(Self.message(sequence))
    #expect(actions.count { $0 == .stale([id], .sequence) } == 1)
    #expect(!talk.admittedLast)
    #expect(talk.say(Self.message(sequence + 1)).isEmpty && !talk.admittedLast, "late old messages are passed over")
    let leaving = talk.settle().requests
    #expect(leaving.map(\.method) == ["unsubscribe"])
    _ = talk.say(Kraken.granted(leaving[0], nil))
    let asking = talk.settle().requests
    #expect(asking.map(\.method) == ["subscribe"])
    _ = talk.say(Kraken.granted(asking[0], nil))
    #expect(talk.say(Self.message(7)).isEmpty && !talk.admittedLast, "not before its snapshot")
    #expect(talk.say(Self.message(1, snapshot: true)).isEmpty && talk.admittedLast)
    #expect(talk.say(Self.message(2)).isEmpty && talk.admittedLast)
    #expect(talk.settle().requests.isEmpty, "then quiet")
  }

  @Test func aSnapshotStartsTheCountAnew() {
    let (talk, _) = Self.live()
    _ = talk.say(Self.message(2))
    #expect(talk.say(Self.message(40, snapshot: true)).isEmpty && talk.admittedLast)
    #expect(talk.say(Self.message(41)).isEmpty && talk.admittedLast)
  }
}

/// `users: all`: of executions Kraken sends no snapshot, of balances perhaps none.
@Suite("All users")
struct AllUsersTests {
  static let account = AccountParameters(coversAllUsers: true)

  static func message(_ sequence: UInt64, snapshot: Bool = false, channel: KrakenChannel = .executions) -> String {
    SequenceTests.message(sequence, snapshot: snapshot, channel: channel.name)
  }

  @Test func theAcknowledgementMakesExecutionsLive() {
    let (talk, id) = SequenceTests.connected(.executions, Self.account)
    let requests = talk.settle().subscribes
    #expect(requests.count == 1 && talk.state(id) == .asked)
    #expect(talk.say(Kraken.granted(requests[0], nil)) == [.confirmed(id), .begun(id)])
    #expect(talk.state(id) == .live)
    // Whatever number comes first starts the count.
    for sequence in UInt64(9)...12 { #expect(talk.say(Self.message(sequence)).isEmpty && talk.admittedLast) }
    #expect(talk.pass(.seconds(120)).allSatisfy { $0 != .begun(id) })
    #expect(talk.state(id) == .live, "no snapshot is waited for")
  }

  /// The acknowledgement overtaken by the first message: nothing of it is lost, and it begins the topic once.
  @Test(arguments: [KrakenChannel.executions, .balances])
  func theFirstMessageMayComeBeforeTheAcknowledgement(channel: KrakenChannel) {
    let (talk, id) = SequenceTests.connected(UpstreamTopic(channel: channel), Self.account)
    let requests = talk.settle().subscribes
    #expect(talk.say(Self.message(1, channel: channel)).isEmpty)
    #expect(talk.admissions == [.accept(id, becameLive: true)])
    #expect(!talk.say(Kraken.granted(requests[0], nil)).contains(.begun(id)))
    #expect(talk.say(Self.message(2, channel: channel)).isEmpty)
    #expect(talk.admissions == [.accept(id, becameLive: false)])
    #expect(talk.say(Self.message(4, channel: channel)).contains(.stale([id], .sequence)))
  }

  @Test(arguments: [5, 3, 2, 1] as [UInt64])
  func aGapIsMended(sequence: UInt64) {
    let (talk, id) = SequenceTests.connected(.executions, Self.account)
    SequenceTests.subscribe(talk)
    for sequence in UInt64(1)...3 { _ = talk.say(Self.message(sequence)) }
    let actions = talk.say(Self.message(sequence))
    #expect(actions.count { $0 == .stale([id], .sequence) } == 1)
    #expect(!talk.admittedLast)
    #expect(talk.say(Self.message(sequence + 7)).isEmpty && !talk.admittedLast, "it is being left")
    let leaving = talk.settle().requests
    #expect(leaving.map(\.method) == ["unsubscribe"])
    _ = talk.say(Kraken.granted(leaving[0], nil))
    let asking = talk.settle().requests
    #expect(asking.map(\.method) == ["subscribe"])
    #expect(talk.say(Self.message(sequence + 8)).isEmpty && !talk.admittedLast, "late old messages are passed over")
    #expect(talk.say(Kraken.granted(asking[0], nil)) == [.confirmed(id), .begun(id)])
    #expect(talk.say(Self.message(1)).isEmpty && talk.admittedLast, "the count is a new one")
    #expect(talk.say(Self.message(2)).isEmpty && talk.admittedLast)
    #expect(talk.settle().requests.isEmpty, "then quiet")
  }

  @Test func aSnapshotAgainstTheDocumentsIsTaken() {
    let (talk, id) = SequenceTests.connected(.executions, Self.account)
    SequenceTests.subscribe(talk)
    #expect(talk.say(Self.message(1, snapshot: true)).isEmpty)
    #expect(talk.admissions == [.accept(id, becameLive: false)])
    #expect(talk.say(Self.message(2)).isEmpty && talk.admittedLast)
  }

  @Test func balancesHaveASnapshotIfItComes() {
    let (talk, id) = SequenceTests.connected(.balances, Self.account)
    let requests = talk.settle().subscribes
    #expect(talk.say(Kraken.granted(requests[0], nil)) == [.confirmed(id)])
    #expect(talk.state(id) == .confirmed)
    #expect(talk.say(Self.message(1, snapshot: true, channel: .balances)).isEmpty)
    #expect(talk.admissions == [.accept(id, becameLive: true)])
    #expect(!talk.pass(.seconds(60)).contains(.begun(id)))
  }

  @Test func balancesBeginWithoutASnapshotIfNoneComes() {
    let (talk, id) = SequenceTests.connected(.balances, Self.account)
    SequenceTests.subscribe(talk)
    let patience = SessionConfiguration().possibleSnapshotDeadline
    #expect(!talk.pass(patience - .milliseconds(1)).contains(.begun(id)))
    #expect(talk.pass(.milliseconds(1)).contains(.begun(id)))
    #expect(talk.state(id) == .live)
    #expect(talk.say(Self.message(1, channel: .balances)).isEmpty && talk.admittedLast)
    // A late one counts all the same.
    #expect(talk.say(Self.message(1, snapshot: true, channel: .balances)).isEmpty && talk.admittedLast)
    #expect(talk.say(Self.message(2, channel: .balances)).isEmpty && talk.admittedLast)
    #expect(talk.pass(.seconds(60)).requests.allSatisfy { $0.method == "ping" })
  }

  @Test func whatNobodyWantsAnyMoreDoesNotBegin() {
    let (talk, id) = SequenceTests.connected(.executions, Self.account)
    let requests = talk.settle().subscribes
    talk.unwant(id)
    #expect(talk.say(Kraken.granted(requests[0], nil)).isEmpty)
    #expect(talk.settle().unsubscribes.count == 1)
  }

  @Test func aRefusalIsARefusal() {
    let (talk, id) = SequenceTests.connected(.executions, Self.account)
    let requests = talk.settle().subscribes
    let actions = talk.say(Kraken.refused(requests[0], nil, "EGeneral:Invalid arguments:users"))
    #expect(actions.refused == [id] && !actions.contains(.begun(id)))
  }

  @Test func otherWordsAreTriedAtOnce() {
    let (talk, id) = SequenceTests.connected(.executions, Self.account)
    let requests = talk.settle().subscribes
    _ = talk.say(Kraken.refused(requests[0], nil, "EGeneral:Invalid arguments:users"))
    _ = talk.stop()
    talk.session.use(AccountParameters())
    _ = talk.connect()
    talk.session.tokenArrived(TokenTests.token("U"), now: talk.now)
    #expect(talk.settle().subscribes.map(\.channel) == ["executions"])
    #expect(talk.state(id) == .asked)
  }

  @Test func everyConnectionBeginsAnew() {
    let (talk, id) = SequenceTests.connected(.executions, Self.account)
    SequenceTests.subscribe(talk)
    _ = talk.say(Self.message(1))
    #expect(talk.closed().contains(.allStale(.upstreamLost)))
    _ = talk.reconnect()
    talk.session.tokenArrived(TokenTests.token("U"), now: talk.now)
    let requests = talk.settle().subscribes
    #expect(talk.say(Kraken.granted(requests[0], nil)) == [.confirmed(id), .begun(id)])
    #expect(talk.say(Self.message(1)).isEmpty && talk.admittedLast)
  }
}
