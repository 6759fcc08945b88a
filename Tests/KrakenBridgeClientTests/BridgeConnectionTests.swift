// The connection against real sockets: greeting, requests and answers, order of messages, every kind
// of end, and backpressure.

import KrakenBridgeClient
import ScriptedBridge
import Synchronization
import Testing

@Suite struct BridgeConnectionTests {
  @Test func greetingIsRead() async throws {
    let daemon = ScriptedBridge { $0.greet(seq: 42); _ = $0.receive() }
    defer { daemon.stop() }
    let bridge = try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path))
    #expect(bridge.hello.version == "9.8.7")
    #expect(bridge.hello.seq == 42)
    #expect(bridge.hello.protocolVersion == 1)
    #expect(bridge.hello.scope == ["market"])
    #expect(bridge.hello.upstreams.map(\.name) == ["public", "private"])
    #expect(bridge.hello.upstreams.map(\.state) == ["online", "disabled"])
  }

  @Test func nobodyThere() async throws {
    let error = await failure { try await BridgeConnection.connect(to: BridgeAddress(path: "/tmp/no-such-directory/x.sock")) }
    #expect(error?.code == .unreachable)
    #expect(error?.advice?.contains("systemctl status kraken-bridge") == true)
  }

  @Test func pathTooLong() async throws {
    let path = "/tmp/" + String(repeating: "x", count: 200)
    let error = await failure { try await BridgeConnection.connect(to: BridgeAddress(path: path)) }
    #expect(error?.code == .badAddress)
  }

  @Test func notABridge() async throws {
    let daemon = ScriptedBridge { $0.send("220 mail ready"); _ = $0.receive() }
    defer { daemon.stop() }
    let error = await failure { try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path)) }
    #expect(error?.code == .protocolViolation)
  }

  @Test func turnedAwayAtTheDoor() async throws {
    let daemon = ScriptedBridge { $0.send(#"{"channel":"bridge","type":"goodbye","data":{"reason":"limit"}}"#) }
    defer { daemon.stop() }
    let error = await failure { try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path)) }
    #expect(error?.code == .closedByBridge)
    #expect(error?.message.contains("limit") == true)
  }

  @Test func silentListener() async throws {
    let daemon = ScriptedBridge { _ = $0.receive() }
    defer { daemon.stop() }
    let error = await failure {
      try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path), timeout: .milliseconds(50))
    }
    #expect(error?.code == .timedOut)
  }

  @Test func oneAnswerPerSymbol() async throws {
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { _, line in
        #expect(line.contains(#""params":{"channel":"ticker","symbol":["BTC/USD","ETH/USD"]}"#))
        return [
          #"{"method":"subscribe","success":true,"result":{"channel":"ticker","symbol":"BTC/USD"},"req_id":$ID}"#,
          #"{"method":"subscribe","success":false,"error":"no","code":"unknown_symbol","symbol":"ETH/USD","req_id":$ID}"#,
        ]
      }
    }
    defer { daemon.stop() }
    let bridge = try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path))
    let answers = try await bridge.request(Subscription("ticker", ["BTC/USD", "ETH/USD"]).request)
    #expect(answers.map(\.success) == [true, false])
    #expect(answers.map(\.symbol) == ["BTC/USD", "ETH/USD"])
    #expect(throws: BridgeError(.refused(code: "unknown_symbol"), "subscribe ETH/USD refused: no")) { try answers[1].orThrow() }
  }

  @Test func aRequestRefusedAsAWholeHasOneAnswer() async throws {
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { _, _ in [#"{"method":"subscribe","success":false,"error":"what?","code":"unknown_channel","req_id":$ID}"#] }
    }
    defer { daemon.stop() }
    let bridge = try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path))
    let answers = try await bridge.request(Subscription("nonsense", ["BTC/USD", "ETH/USD"]).request)
    #expect(answers.map(\.code) == ["unknown_channel"])
  }

  @Test func everySymbolHasAsManyAnswersAsTheBridgeGives() async throws {
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { _, line in
        #expect(line.contains(#""symbol":"*""#))
        return ["A/USD", "B/USD", "C/USD"].map {
          #"{"method":"subscribe","success":true,"result":{"channel":"trade","symbol":"\#($0)"},"req_id":$ID}"#
        }
      }
    }
    defer { daemon.stop() }
    let bridge = try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path))
    let answers = try await bridge.subscribe(Subscription("trade", ["*"]))
    #expect(answers.map(\.symbol) == ["A/USD", "B/USD", "C/USD"])
  }

  @Test func unansweredRequestTimesOut() async throws {
    let daemon = ScriptedBridge { $0.greet(); $0.serve { _, _ in [] } }
    defer { daemon.stop() }
    let bridge = try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path))
    let error = await failure { try await bridge.request(BridgeRequest("status"), timeout: .milliseconds(50)) }
    #expect(error?.code == .timedOut)
  }

  @Test func requestFailsWhenTheConnectionEnds() async throws {
    let daemon = ScriptedBridge { $0.greet(); _ = $0.receive() }
    defer { daemon.stop() }
    let bridge = try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path))
    let error = await failure { try await bridge.request(BridgeRequest("status")) }
    #expect(error?.code == .connectionLost)
    let later = await failure { try await bridge.request(BridgeRequest("status")) }
    #expect(later?.code == .connectionLost)
  }

  @Test func messagesComeInOrderAroundAnswers() async throws {
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { _, _ in
        [event(1), #"{"method":"status","success":true,"result":{"x":1.500},"req_id":$ID}"#, event(2)]
      }
    }
    defer { daemon.stop() }
    let bridge = try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path))
    let answer = try await bridge.ask(BridgeRequest("status"))
    #expect(answer.result["x"]?.digits == "1.500")
    #expect(try await bridge.messages.next()?.seq == 1)
    #expect(try await bridge.messages.next()?.seq == 2)
  }

  @Test func orderlyEndAfterGoodbye() async throws {
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.send(event(1))
      peer.send(#"{"channel":"bridge","type":"goodbye","data":{"reason":"shutdown"}}"#)
    }
    defer { daemon.stop() }
    let bridge = try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path))
    var reasons: [String] = []
    var events = 0
    for try await message in bridge.messages {
      if case .goodbye(let goodbye) = message { reasons.append(goodbye.reason) } else { events += 1 }
    }
    #expect(reasons == ["shutdown"])
    #expect(events == 1)
  }

  @Test func lostConnectionIsAnError() async throws {
    let daemon = ScriptedBridge { $0.greet(); $0.send(event(1)) }
    defer { daemon.stop() }
    let bridge = try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path))
    #expect(try await bridge.messages.next()?.seq == 1)
    let error = await failure { try await bridge.messages.next() }
    #expect(error?.code == .connectionLost)
  }

  @Test func tornLastLineIsNotDelivered() async throws {
    let daemon = ScriptedBridge { $0.greet(); $0.sendRaw(Array(event(1).utf8.dropLast(3))) }
    defer { daemon.stop() }
    let bridge = try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path))
    let error = await failure { try await bridge.messages.next() }
    #expect(error?.code == .connectionLost)
  }

  @Test func closingEndsTheSequence() async throws {
    let daemon = ScriptedBridge { $0.greet(); _ = $0.receive() }
    defer { daemon.stop() }
    let bridge = try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path))
    async let next = bridge.messages.next()
    bridge.close()
    #expect(try await next == nil)
  }

  @Test func cancellingTheReaderEndsItsWait() async throws {
    let daemon = ScriptedBridge { $0.greet(); _ = $0.receive() }
    defer { daemon.stop() }
    let bridge = try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path))
    let reader = Task { try await bridge.messages.next() }
    reader.cancel()
    await #expect(throws: CancellationError.self) { try await reader.value }
  }

  /// 64 MiB are offered. Whenever the reader looks, no more may have left the bridge than the inbox and the kernel's
  /// buffers hold: without backpressure all of it would pile up in this process.
  @Test func aReaderThatStopsStopsTheSocket() async throws {
    let total = 16384
    let underWay = 1024
    let padding = String(repeating: "x", count: 4096)
    let sent = Sent()
    let daemon = ScriptedBridge { peer in
      peer.greet()
      for number in 1...total {
        guard peer.send(event(UInt64(number), padding: padding)) else { return }
        sent.count.store(number, ordering: .releasing)
      }
      _ = peer.receive()
    }
    defer { daemon.stop() }
    let bridge = try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path))
    for expected in 1...total {
      let message = try await bridge.messages.next()
      #expect(message?.seq == UInt64(expected))
      #expect(sent.count.load(ordering: .acquiring) - expected < underWay)
    }
  }

  @Test func snapshotIsTheEventInsideTheAnswer() async throws {
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { method, line in
        #expect(method == "snapshot")
        #expect(line.contains(#""depth":25"#))
        return [
          #"{"method":"snapshot","success":true,"result":{"channel":"book","type":"snapshot","symbol":"BTC/USD","depth":25,"seq":7,"data":{"bids":[{"price":1.10,"qty":2.00}],"asks":[]}},"req_id":$ID}"#
        ]
      }
    }
    defer { daemon.stop() }
    let bridge = try await BridgeConnection.connect(to: BridgeAddress(path: daemon.path))
    let event = try await bridge.snapshot(Subscription("book", ["BTC/USD"], depth: 25))
    #expect(event.topic == Topic(channel: "book", symbol: "BTC/USD", depth: 25))
    #expect(event.data["bids"]?.elements.first?["price"]?.digits == "1.10")
  }
}

/// How many lines a script has written.
private final class Sent: Sendable {
  let count = Atomic<Int>(0)
}

/// An update of the ticker with that number.
func event(_ seq: UInt64, symbol: String = "BTC/USD", padding: String = "") -> String {
  #"{"channel":"ticker","type":"update","symbol":"\#(symbol)","seq":\#(seq),"prev":\#(seq - 1),"data":{"last":1.50,"note":"\#(padding)"}}"#
}

/// The `BridgeError` thrown by `body`, if one is.
func failure<Value>(_ body: () async throws -> Value) async -> BridgeError? {
  do {
    _ = try await body()
    return nil
  } catch {
    return error as? BridgeError
  }
}
