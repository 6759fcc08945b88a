import Foundation
import Logging
import NIOCore
import NIOPosix
import SimulatedExchange
import Testing

@testable import KrakenSimulator

/// The server around the model, over real sockets on loopback.
@Suite(.timeLimit(.minutes(1)))
struct ServerTests {
  @Test func subscribesAndReceives() async throws {
    try await withServer { server in
      #expect(server.publicURL == "ws://127.0.0.1:\(server.port)/v2")
      try await RawClient.webSocket(port: server.port) { client in
        try await client.send(subscribe)
        let answer = try await client.message()
        #expect(answer.contains(#""success":true"#))
        let snapshot = try await client.message(containing: "book")
        #expect(snapshot.contains("snapshot"))
        for _ in 0..<20 {
          let update = try await client.message(containing: "book")
          #expect(update.contains("update"))
        }
        let heartbeat = try await client.message(containing: "heartbeat")
        #expect(heartbeat == #"{"channel":"heartbeat"}"#)
      }
    }
  }

  @Test func manyClientsAtOnce() async throws {
    try await withServer { server in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<20 {
          group.addTask {
            try await RawClient.webSocket(port: server.port) { client in
              try await client.send(subscribe)
              for _ in 0..<10 { _ = try await client.message(containing: "book") }
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await server.inspect { $0.counters.connectionsAccepted } == 20)
    }
  }

  @Test func requestsInPiecesAreUnderstood() async throws {
    try await withServer { server in
      try await RawClient.webSocket(port: server.port) { client in
        try await client.send(#"{"method":"pi"#, isFinal: false)
        try await client.send("between", opcode: Frame.ping)
        try await client.send(#"ng","req_id":8}"#, opcode: Frame.continuation)
        let pong = try await client.frame()
        #expect(pong == Frame(isFinal: true, opcode: Frame.pong, payload: Array("between".utf8)))
        let answer = try await client.message()
        #expect(answer.contains(#""req_id":8"#))
      }
    }
  }

  @Test func closeHandshake() async throws {
    try await withServer { server in
      try await RawClient.webSocket(port: server.port) { client in
        try await client.send("\u{3}\u{78}bye", opcode: Frame.close)
        let answer = try await client.frame()
        #expect(answer.opcode == Frame.close && answer.payload == [3, 0x78])
        let rest = try await client.rest()
        #expect(rest.isEmpty)
      }
      #expect(try await server.inspect { $0.openConnections.isEmpty })
    }
  }

  @Test func closeByFaultAndByShutdown() async throws {
    try await withServer { server in
      try await RawClient.webSocket(port: server.port) { client in
        try await server.strike(Fault(.close, code: 1013, text: "Market data unavailable"))
        let frame = try await client.frame()
        #expect(frame.opcode == Frame.close && frame.payload.prefix(2) == [3, 0xF5])
        #expect(String(decoding: frame.payload.dropFirst(2), as: UTF8.self) == "Market data unavailable")
      }
      try await RawClient.webSocket(port: server.port) { client in
        await server.shutdown()
        let frame = try await client.frame()
        #expect(frame.opcode == Frame.close)
      }
    }
  }

  @Test func refusedUpgrades() async throws {
    try await withServer { server in
      try await server.strike(Fault(.httpStatus, count: 1, code: 429))
      try await RawClient.connect(port: server.port) { client in
        let head = try await client.upgrade()
        #expect(head.hasPrefix("HTTP/1.1 429"))
        let page = try await client.rest()
        #expect(page.contains("429"))
      }
      try await RawClient.connect(port: server.port) { client in
        let head = try await client.upgrade(path: "/v1")
        #expect(head.hasPrefix("HTTP/1.1 404"))
      }
      try await RawClient.webSocket(port: server.port) { _ in }
      let counters = try await server.inspect { $0.counters }
      #expect(counters.connectionAttempts == 2 && counters.connectionsRefused == 1)
    }
  }

  @Test func restOnTheSamePort() async throws {
    try await withServer { server in
      for (path, part) in [
        ("/0/public/Time", "unixtime"), ("/0/public/AssetPairs?pair=BTC/USD", #""BTC/USD":"#), ("/x", "Unknown method"),
      ] {
        try await RawClient.connect(port: server.port) { client in
          try await client.write("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
          let head = try await client.head()
          #expect(head.hasPrefix("HTTP/1.1 200"))
          let body = try await client.rest()
          #expect(body.contains(part))
        }
      }
      try await RawClient.connect(port: server.port) { client in
        try await client.write("POST /0/public/AssetPairs HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\npair=ETH/USD")
        let answer = try await client.rest()
        #expect(answer.contains(#""ETH/USD":"#))
      }
    }
  }

  @Test func controlSocket() async throws {
    let path = NSTemporaryDirectory() + "sim-\(UUID().uuidString.prefix(8)).sock"
    try await withServer { $0.controlSocketPath = path } _: { server in
      let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connect(unixDomainSocketPath: path) { channel in
          channel.eventLoop.makeCompletedFuture {
            try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
          }
        }
      try await channel.executeThenClose { input, output in
        try await output.write(ByteBuffer(string: "wrong-checksum symbol=BTC/USD\nexplode\nsta"))
        try await output.write(ByteBuffer(string: "tus\n"))
        var answer = ""
        for try await part in input {
          answer += String(buffer: part)
          if answer.utf8.count(where: { $0 == UInt8(ascii: "\n") }) == 3 { break }
        }
        let lines = answer.split(separator: "\n")
        #expect(lines[0] == "ok")
        #expect(lines[1].hasPrefix("error: unknown fault"))
        #expect(lines[2].contains(#""wrong-checksum":1"#))
      }
    }
  }

  @Test func faultsOfTheConfigurationStrike() async throws {
    try await withServer { configuration in
      configuration.faults = [ScheduledFault(Fault(.close, code: 1008), at: 100_000_000, every: 50_000_000)]
    } _: { server in
      try await RawClient.webSocket(port: server.port) { client in
        let frame = try await client.frame()
        #expect(frame.payload.prefix(2) == [3, 0xF0])
      }
    }
  }

  @Test func portInUseIsAnError() async throws {
    try await withServer { server in
      var configuration = SimulatorConfiguration()
      configuration.port = server.port
      await #expect(throws: IOError.self) {
        try await SimulatorServer.start(
          configuration: configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
          logger: Logger(label: "test"))
      }
    }
  }
}
