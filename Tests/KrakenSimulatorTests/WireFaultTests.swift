import SimulatedExchange
import Testing

@testable import KrakenSimulator

/// Faults as they look on the wire.
@Suite(.timeLimit(.minutes(1)))
struct WireFaultTests {
  @Test func fragmentsArriveAsFrames() async throws {
    try await withServer { server in
      try await RawClient.webSocket(port: server.port) { client in
        try await server.strike(Fault(.fragmentedFrames, count: 20, size: 9))
        try await client.send(subscribe)
        var opcodes: Set<UInt8> = []
        var fragmented = 0
        var text: [UInt8] = []
        while fragmented < 20 {
          let frame = try await client.frame()
          opcodes.insert(frame.opcode)
          if frame.opcode == Frame.ping { continue }
          // The first message may have left before the fault came.
          if fragmented == 0, text.isEmpty, frame.isFinal, frame.payload.count > 9 { continue }
          #expect(frame.payload.count <= 9)
          text += frame.payload
          if frame.isFinal {
            #expect(text.first == UInt8(ascii: "{") && text.last == UInt8(ascii: "}"))
            text = []
            fragmented += 1
          }
        }
        #expect(opcodes == [Frame.text, Frame.continuation, Frame.ping])
      }
    }
  }

  @Test func slowFrameArrivesWholeAndInOrder() async throws {
    try await withServer { server in
      try await RawClient.webSocket(port: server.port) { client in
        try await server.strike(Fault(.slowFrames, count: 1, delay: 1_000_000, size: 5))
        try await client.send(#"{"method":"ping","req_id":1}"#)
        try await client.send(#"{"method":"ping","req_id":2}"#)
        let slow = try await client.message()
        #expect(slow.contains(#""req_id":1"#))
        let next = try await client.message()
        #expect(next.contains(#""req_id":2"#))
      }
    }
  }

  @Test(arguments: [Fault.Name.garbage, .invalidUTF8, .binaryFrame, .oversized, .unknownChannel])
  func nonsenseOnTheWire(_ name: Fault.Name) async throws {
    try await withServer { server in
      try await RawClient.webSocket(port: server.port) { client in
        try await server.strike(Fault(name))
        let frame = try await client.frame()
        #expect(frame.opcode == (name == .binaryFrame ? 2 : Frame.text))
        #expect(!frame.payload.isEmpty)
        try await client.send(#"{"method":"ping","req_id":1}"#)
        let pong = try await client.message()
        #expect(pong.contains("pong"))
      }
    }
  }

  @Test func dropCutsWithoutACloseFrame() async throws {
    try await withServer { server in
      try await RawClient.webSocket(port: server.port) { client in
        try await server.strike(Fault(.drop))
        // A reset is an error or an end, but never a frame.
        await #expect(throws: (any Error).self) { try await client.frame() }
      }
      #expect(try await server.inspect { $0.openConnections.isEmpty })
    }
  }

  @Test func stalledConnectionAnswersNothingUntilItResumes() async throws {
    try await withServer { server in
      try await RawClient.webSocket(port: server.port) { client in
        try await server.strike(Fault(.stall))
        try await client.send("late", opcode: Frame.ping)
        try await client.send(#"{"method":"ping","req_id":3}"#)
        // Read or not, the request has not been dealt with.
        let requests = try await server.inspect { $0.counters.requests }
        #expect(requests["ping"] == nil)
        server.clearFaults()
        let first = try await client.frame()
        #expect(first.opcode == Frame.pong)
        let answer = try await client.message()
        #expect(answer.contains(#""req_id":3"#))
      }
    }
  }

  @Test func refusedConnectionsAndTheSamePortAfterwards() async throws {
    try await withServer { server in
      try await server.strike(Fault(.refuseConnections, duration: 200_000_000))
      var refusals = 0
      var isOpen = false
      while !isOpen {
        do {
          try await RawClient.webSocket(port: server.port) { _ in isOpen = true }
        } catch {
          refusals += 1
        }
      }
      #expect(refusals > 0)
    }
  }
}
