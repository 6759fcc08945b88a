// A server for the length of a test, with a busy market and quick snapshots.

import Logging
import NIOPosix
import SimulatedExchange

@testable import KrakenSimulator

extension SimulatorServer {
  /// Injects a fault, and returns when it has struck: what is sent from now on meets it.
  func strike(_ fault: Fault) async throws {
    inject(fault)
    _ = try await inspect { _ in }
  }
}

func withServer(
  _ change: (inout SimulatorConfiguration) -> Void = { _ in },
  _ body: (SimulatorServer) async throws -> Void
) async throws {
  var configuration = SimulatorConfiguration()
  configuration.exchange.updatesPerSecond = 50
  configuration.exchange.snapshotLatency = 1_000_000
  change(&configuration)
  let server = try await SimulatorServer.start(
    configuration: configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
  do {
    try await body(server)
  } catch {
    await server.shutdown()
    throw error
  }
  await server.shutdown()
}

let subscribe = #"{"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"]},"req_id":1}"#
