// A feed across restarts: what is asked after each, that no line comes twice and none is skipped, and
// what the reader is told.

import ScriptedBridge
import Synchronization
import Testing

@testable import KrakenBridgeClient

@Suite struct BridgeFeedTests {
  private static let quick = Backoff(first: .milliseconds(1), longest: .milliseconds(2))

  /// The elements up to and including the event of that number.
  private func read(_ feed: BridgeFeed, until last: UInt64) async throws -> [FeedElement] {
    var elements: [FeedElement] = []
    for try await element in feed {
      elements.append(element)
      if case .message(.event(let event)) = element, event.seq == last { break }
    }
    return elements
  }

  private func seqs(_ elements: [FeedElement]) -> [UInt64] {
    elements.compactMap { if case .message(.event(let event)) = $0 { event.seq } else { nil } }
  }

  @Test func resumesAfterTheLastLine() async throws {
    let asked = Mutex<[String]>([])
    let daemon = ScriptedBridge(
      { peer in
        peer.greet(seq: 100)
        asked.withLock { $0.append(peer.receive() ?? "") }
        _ = peer.receive()
        peer.send(#"{"method":"subscribe","success":true,"req_id":1}"#)
        peer.send(#"{"method":"pong","success":true,"req_id":2}"#)
        for seq in 101...103 { peer.send(event(UInt64(seq))) }
      },
      { peer in
        peer.greet(seq: 200)
        asked.withLock { $0.append(peer.receive() ?? "") }
        _ = peer.receive()
        // The bridge goes back too far: one line comes again.
        for seq in 103...105 { peer.send(event(UInt64(seq))) }
        _ = peer.receive()
      })
    defer { daemon.stop() }
    let feed = BridgeFeed(BridgeAddress(path: daemon.path), [Subscription("ticker", ["BTC/USD"])], backoff: Self.quick)
    let elements = try await read(feed, until: 105)
    #expect(seqs(elements) == [101, 102, 103, 104, 105])
    #expect(asked.withLock { $0 }.map { Peer.member("since", of: $0) } == [nil, "103"])
    let resumed = elements.compactMap { if case .connected(_, let after) = $0 { after } else { nil } }
    #expect(resumed == [103])
    #expect(elements.contains(.caughtUp))
    #expect(elements.contains { if case .disconnected(let error, _) = $0 { error.code == .connectionLost } else { false } })
  }

  /// Two topics are being resumed when the connection is lost again, one further than the other: the next attempt must
  /// start where both are complete.
  @Test func aLossWhileResumingSkipsNothing() async throws {
    let asked = Mutex<[String]>([])
    let daemon = ScriptedBridge(
      { peer in
        peer.greet(seq: 100)
        for _ in 0..<3 { _ = peer.receive() }
        peer.send(#"{"method":"pong","success":true,"req_id":3}"#)
        peer.send(event(101, symbol: "A/USD"))
      },
      { peer in
        peer.greet(seq: 300)
        for _ in 0..<3 { _ = peer.receive() }
        // A is brought up to 200, B (which has 150) not at all, and there is no pong.
        peer.send(event(200, symbol: "A/USD"))
      },
      { peer in
        peer.greet(seq: 300)
        asked.withLock { $0.append(peer.receive() ?? "") }
        for _ in 0..<2 { _ = peer.receive() }
        peer.send(event(200, symbol: "A/USD"))
        peer.send(event(150, symbol: "B/USD"))
        peer.send(#"{"method":"pong","success":true,"req_id":3}"#)
        peer.send(event(301, symbol: "A/USD"))
        _ = peer.receive()
      })
    defer { daemon.stop() }
    let feed = BridgeFeed(
      BridgeAddress(path: daemon.path), [Subscription("ticker", ["A/USD"]), Subscription("ticker", ["B/USD"])], backoff: Self.quick)
    let elements = try await read(feed, until: 301)
    #expect(seqs(elements) == [101, 200, 150, 301])
    #expect(asked.withLock { $0 }.map { Peer.member("since", of: $0) } == ["101"])
  }

  @Test func anOwnSinceHoldsUntilTheFirstAnswers() async throws {
    let asked = Mutex<[String]>([])
    let daemon = ScriptedBridge { peer in
      peer.greet(seq: 500)
      let count = asked.withLock { asked in
        asked.append(peer.receive() ?? "")
        return asked.count
      }
      _ = peer.receive()
      if count == 2 {
        peer.send(event(43))
        _ = peer.receive()
      }
    }
    defer { daemon.stop() }
    let feed = BridgeFeed(BridgeAddress(path: daemon.path), [Subscription("ticker", ["BTC/USD"], since: 42)], backoff: Self.quick)
    _ = try await read(feed, until: 43)
    #expect(asked.withLock { $0 }.map { Peer.member("since", of: $0) } == ["42", "42"])
  }

  @Test func noDaemonAtTheBeginningIsAnError() async throws {
    let feed = BridgeFeed(BridgeAddress(path: "/tmp/no-such-directory/x.sock"), [])
    let error = await failure { for try await _ in feed {} }
    #expect(error?.code == .unreachable)
  }

  @Test func aPatientFeedWaitsForTheDaemon() async throws {
    let feed = BridgeFeed(BridgeAddress(path: "/tmp/no-such-directory/x.sock"), [], backoff: Self.quick, waitsForDaemon: true)
    var attempts = 0
    for try await element in feed {
      guard case .disconnected(let error, _) = element else { #expect(Bool(false), "\(element)"); break }
      #expect(error.code == .unreachable)
      attempts += 1
      if attempts == 3 { break }
    }
    #expect(attempts == 3)
  }

  @Test func withoutReconnectingALossIsAnErrorAndAGoodbyeTheEnd() async throws {
    let lost = ScriptedBridge { $0.greet(); $0.send(event(1)) }
    defer { lost.stop() }
    let error = await failure { for try await _ in BridgeFeed(BridgeAddress(path: lost.path), [], reconnects: false) {} }
    #expect(error?.code == .connectionLost)

    let ended = ScriptedBridge { $0.greet(); $0.send(#"{"channel":"bridge","type":"goodbye","data":{"reason":"shutdown"}}"#); _ = $0.receive() }
    defer { ended.stop() }
    var last: FeedElement?
    for try await element in BridgeFeed(BridgeAddress(path: ended.path), [], reconnects: false) {
      last = element
    }
    guard case .message(.goodbye)? = last else { return #expect(Bool(false), "\(String(describing: last))") }
  }

  /// A bridge that says everything and closes before the feed has asked: the failed request loses no line.
  @Test func whatWasSaidBeforeTheEndIsRead() async throws {
    let bridge = ScriptedBridge { peer in
      peer.stopListening()
      peer.greet()
      for seq in 1...3 { peer.send(event(UInt64(seq))) }
      peer.send(#"{"channel":"bridge","type":"goodbye","data":{"reason":"shutdown"}}"#)
    }
    defer { bridge.stop() }
    var elements: [FeedElement] = []
    for try await element in BridgeFeed(BridgeAddress(path: bridge.path), [Subscription("ticker", ["BTC/USD"])], reconnects: false) {
      elements.append(element)
    }
    #expect(seqs(elements) == [1, 2, 3])
  }

  @Test func aBadAddressIsNotTriedAgain() async throws {
    let feed = BridgeFeed(BridgeAddress(path: String(repeating: "x", count: 300)), [], waitsForDaemon: true)
    let error = await failure { for try await _ in feed {} }
    #expect(error?.code == .badAddress)
  }
}
