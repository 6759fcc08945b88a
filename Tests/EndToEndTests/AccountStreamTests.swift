// Account data that goes wrong on its way, through real processes: what a reader sees of it, and what the exchange was
// asked for in consequence. The exchange counts by itself; a bridge that mended too much would look well to its readers.

import Foundation
import Testing

/// A reader that takes down, topic by topic, how its lines hang together.
private struct Follower {
  struct Topic: Equatable {
    var snapshots = 0
    /// Why it was stale, in order.
    var stale: [String] = []
    /// Since the latest snapshot.
    var updates = 0
    /// Updates that do not follow upon the line before them.
    var breaks = 0
    var lastSeq = 0
  }

  let reader: Reader
  private var topics: [String: Topic]

  /// Subscribes, and takes the snapshots. Topics are called as one types them: `executions`, `level3 BTC/USD`.
  init(_ world: TradingWorld, _ names: String...) throws {
    reader = try world.reader()
    topics = Dictionary(uniqueKeysWithValues: names.map { ($0, Topic()) })
    for name in names {
      reader.send("subscribe " + name)
      try read(name, until: "snapshot") { $0.snapshots == 1 }
    }
  }

  subscript(topic: String) -> Topic { topics[topic] ?? Topic() }

  /// Reads until the topic is as it should be.
  mutating func read(_ topic: String, until what: String, _ isReached: (Topic) -> Bool) throws {
    while !isReached(self[topic]) { take(try reader.first("\(topic) \(what); now \(self[topic])") { _ in true }) }
  }

  /// Reads what the bridge has written so far.
  mutating func catchUp() throws {
    reader.send("ping")
    var isDone = false
    while !isDone {
      let line = try reader.first("answer to a ping") { _ in true }
      isDone = line["method"] as? String == "pong"
      take(line)
    }
  }

  private mutating func take(_ line: [String: Any]) {
    guard let channel = line["channel"] as? String, let type = line["type"] as? String else { return }
    let data = line["data"] as? [String: Any]
    if channel == "bridge", type == "stale" {
      let named = (data?["topics"] as? [[String: Any]])?.map(Self.name)
      let upstream = data?["upstream"] as? String ?? ""
      // Without names it is everything of the upstream, which here is level 3 or the account.
      for name in topics.keys where named?.contains(name) ?? (name.hasPrefix("level3") == (upstream == "level3")) {
        topics[name]?.stale.append(data?["reason"] as? String ?? "")
      }
    }
    guard channel != "bridge", let seq = line["seq"] as? Int else { return }
    var topic = self[Self.name(line)]
    if type == "snapshot" {
      topic.snapshots += 1
      topic.updates = 0
    } else {
      topic.updates += 1
      if line["prev"] as? Int != topic.lastSeq { topic.breaks += 1 }
    }
    topic.lastSeq = seq
    topics[Self.name(line)] = topic
  }

  /// The account's lines name a pair, its topics do not.
  private static func name(_ topic: [String: Any]) -> String {
    let channel = topic["channel"] as? String ?? ""
    return channel == "level3" ? channel + " \(topic["symbol"] ?? "")" : channel
  }
}

@Suite(.serialized) struct AccountStreamTests {
  /// Told once, mended with one unsubscription and one subscription, and quiet from then on.
  @Test(arguments: ["sequence-gap", "sequence-repeat", "sequence-restart"], ["executions", "balances"])
  func aBrokenSequenceIsMendedOnce(_ fault: String, _ channel: String) throws {
    let other = channel == "executions" ? "balances" : "executions"
    let world = try TradingWorld(exchange: ["--symbols", "1"])
    func requests(_ name: String) throws -> (Int, Int) {
      (try world.count("subscribed", name), try world.count("unsubscribed", name))
    }
    var trader = try Trader(world)
    var followers = [channel: try Follower(world, channel), other: try Follower(world, other)]
    // The numbers have left their beginning before they break.
    trader.place(1)
    try trader.readUntilSettled([1])
    for name in [channel, other] { try followers[name]?.read(name, until: "first updates") { $0.updates >= 2 } }
    let before = try [channel, other].map(requests)

    try world.tell("\(fault) channel=\(channel)")
    trader.place(3)
    try trader.readUntilSettled([3])
    try followers[channel]?.read(channel, until: "second snapshot") { $0.snapshots == 2 }
    trader.place(5)
    try trader.readUntilSettled([5])
    try followers[channel]?.read(channel, until: "updates after it") { $0.updates >= 2 }
    for name in [channel, other] { try followers[name]?.catchUp() }

    let broken = try #require(followers[channel]?[channel])
    #expect(broken.stale == ["sequence"] && broken.snapshots == 2 && broken.breaks == 0, "\(fault): \(broken)")
    let whole = try #require(followers[other]?[other])
    #expect(whole.stale.isEmpty && whole.snapshots == 1 && whole.breaks == 0, "\(fault): \(whole)")
    let after = try [channel, other].map(requests)
    #expect(after[0] == (before[0].0 + 1, before[0].1 + 1))
    #expect(after[1] == before[1])
    for order in trader.orders.values {
      #expect(order.isForwards && order.stages.last == "filled" && order.answers == ["answer true"])
    }
  }

  @Test func aBookByOrderWithAWrongChecksumIsMendedOnce() throws {
    let world = try TradingWorld(exchange: ["--symbols", "2", "--rate", "20"])
    var follower = try Follower(world, "level3 BTC/USD", "level3 ETH/USD")
    for pair in ["BTC/USD", "ETH/USD"] { try follower.read("level3 " + pair, until: "updates") { $0.updates >= 5 } }
    try world.tell("wrong-checksum symbol=BTC/USD")
    try follower.read("level3 BTC/USD", until: "second snapshot") { $0.snapshots == 2 }
    try follower.read("level3 BTC/USD", until: "updates after it") { $0.updates >= 20 }
    #expect(follower["level3 BTC/USD"].stale == ["checksum"] && follower["level3 BTC/USD"].breaks == 0)
    #expect(follower["level3 ETH/USD"].stale == [] && follower["level3 ETH/USD"].breaks == 0)
    #expect(try world.count("subscribed", "level3 BTC/USD 10") == 2)
    #expect(try world.count("unsubscribed", "level3 BTC/USD 10") == 1)
    #expect(try world.count("subscribed", "level3 ETH/USD 10") == 1)

    // Whoever comes later gets the book as it is, without another word to the exchange.
    var late = try Follower(world, "level3 BTC/USD")
    try late.read("level3 BTC/USD", until: "updates") { $0.updates >= 5 }
    #expect(late["level3 BTC/USD"].snapshots == 1 && late["level3 BTC/USD"].breaks == 0)
    #expect(try world.count("subscribed", "level3 BTC/USD 10") == 2)
  }

  /// Books by order have a connection of their own: the account does not notice.
  @Test func theLossOfOneConnectionIsNotTheOthers() throws {
    let world = try TradingWorld(exchange: ["--symbols", "1", "--rate", "20"])
    var books = try Follower(world, "level3 BTC/USD")
    var account = try Follower(world, "executions")
    try books.read("level3 BTC/USD", until: "updates") { $0.updates >= 5 }
    let subscribed = try world.count("subscribed", "executions")
    try world.tell("drop channel=level3")
    try books.read("level3 BTC/USD", until: "second snapshot") { $0.snapshots == 2 }
    try books.read("level3 BTC/USD", until: "updates after it") { $0.updates >= 5 }
    try account.catchUp()
    #expect(books["level3 BTC/USD"].stale == ["upstream_lost"] && books["level3 BTC/USD"].breaks == 0)
    #expect(account["executions"].stale == [] && account["executions"].snapshots == 1)
    #expect(try world.count("subscribed", "executions") == subscribed)
  }
}
