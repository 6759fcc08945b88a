// The dead man's switch and everyone who holds it.

import Testing

@testable import Trading

@Suite struct SwitchTests {
  static func timeouts(_ actions: [DeskAction]) -> [String?] { actions.sent.map { member($0, "params", "timeout") } }

  @Test func keptWhileTheConnectionLives() throws {
    var harness = DeskHarness()
    let first = try harness.request("cancel_all_orders_after", #"{"timeout":60,"keep":true}"#)
    #expect(Self.timeouts(first) == ["60"])
    #expect(!first.sent[0].contains("keep"))
    #expect(Self.timeouts(harness.pass(.seconds(61))) == ["60", "60", "60"])
    harness.leave(DeskHarness.client)
    #expect(harness.pass(.seconds(600)).sent.isEmpty)
  }

  @Test func theShortestRules() throws {
    var harness = DeskHarness()
    try harness.request("cancel_all_orders_after", #"{"timeout":30,"keep":true}"#)
    let second = try harness.request("cancel_all_orders_after", #"{"timeout":90,"keep":true}"#, from: HolderID(2))
    #expect(Self.timeouts(second) == ["30"])
    let release = try harness.request("cancel_all_orders_after", #"{"timeout":0}"#)
    #expect(release.sent.isEmpty && release.answers.count == 1)
    #expect(member(release.answers[0], "success") == "true")
    #expect(Self.timeouts(harness.pass(.seconds(10))) == ["90"])
    #expect(
      Self.timeouts(try harness.request("cancel_all_orders_after", #"{"timeout":0}"#, from: HolderID(2))) == ["0"])
    #expect(harness.pass(.seconds(600)).sent.isEmpty)
  }

  @Test func nobodyRenewsForOneWhoIsGoneUntilItHasFired() throws {
    var harness = DeskHarness()
    try harness.request("cancel_all_orders_after", #"{"timeout":30,"keep":true}"#)
    try harness.request("cancel_all_orders_after", #"{"timeout":30,"keep":true}"#, from: HolderID(2))
    harness.leave(HolderID(2))
    #expect(harness.pass(.milliseconds(29_999)).sent.isEmpty)
    #expect(Self.timeouts(harness.pass(.milliseconds(1))) == ["30"])
  }

  @Test func theBridgesOwn() throws {
    var configuration = TradingConfiguration.trading
    configuration.cancelAfter = 60
    var harness = DeskHarness(configuration)
    #expect(harness.pass(.seconds(100)).sent.isEmpty)
    let actions = try harness.request("add_order", AddOrderTests.limit)
    #expect(actions.sent.map { member($0, "method") } == ["cancel_all_orders_after", "add_order"])
    #expect(Self.timeouts(harness.pass(.seconds(20))) == ["60"])
    harness.leave(DeskHarness.client)
    #expect(harness.pass(.seconds(600)).sent.isEmpty)
  }

  @Test func aLostConnectionIsMadeUpFor() throws {
    var harness = DeskHarness()
    try harness.request("cancel_all_orders_after", #"{"timeout":30,"keep":true}"#)
    harness.lose()
    #expect(harness.pass(.seconds(15)).sent.isEmpty)
    #expect(Self.timeouts(harness.ready()) == ["30"])
  }
}
