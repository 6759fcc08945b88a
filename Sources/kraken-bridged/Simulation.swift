// `--simulate`: an exchange inside the daemon, on its own thread and a loopback port. The bridge talks to it as it
// would to Kraken, over a real connection.

import BridgeCore
import BridgeDaemon
import Dispatch
import Glibc
import KrakenSimulator
import Logging
import NIOCore
import NIOPosix
import SimulatedExchange

struct Simulation: Sendable {
  private let server: SimulatorServer
  private let group: MultiThreadedEventLoopGroup

  /// Shown when nothing else is asked for, so that there is something to see.
  private static let demonstration: [PinnedSubscription] = {
    let symbols = ["BTC/USD", "ETH/USD"]
    return [
      PinnedSubscription(channel: "ticker", symbols: symbols), PinnedSubscription(channel: "trade", symbols: symbols),
      PinnedSubscription(channel: "book", symbols: symbols, depth: 10),
      PinnedSubscription(channel: "ohlc", symbols: symbols, interval: 1),
    ]
  }()

  /// - Parameter scenario: a file, or its lines with semicolons between them; empty for a calm market.
  static func start(scenario: String, logger: Logger) throws(DaemonFailure) -> Simulation {
    let text = readFile(scenario) ?? scenario.split(separator: ";").joined(separator: "\n")
    let configuration: SimulatorConfiguration
    do throws(ScenarioError) {
      configuration = SimulatorConfiguration(scenario: try Scenario(parsing: text))
    } catch {
      throw DaemonFailure(exitStatus: 78, message: "flag --simulate: simulate is \"\(scenario)\": \(error)")
    }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    do {
      let server = try waitFor {
        try await SimulatorServer.start(configuration: configuration, eventLoopGroup: group, logger: logger)
      }
      logger.notice("simulated exchange at \(server.publicURL)")
      return Simulation(server: server, group: group)
    } catch {
      throw .cannotBind("the simulated exchange cannot start: \(error)")
    }
  }

  /// Points the bridge at the simulated exchange.
  func apply(to settings: inout Settings) {
    do throws(Endpoint.Fault) {
      settings.upstream.publicEndpoint = try Endpoint(server.publicURL, kind: .webSocket)
      settings.upstream.privateEndpoint = try Endpoint(server.privateURL, kind: .webSocket)
      settings.upstream.level3Endpoint = try Endpoint(server.level3URL, kind: .webSocket)
      settings.upstream.restEndpoint = try Endpoint(server.restURL, kind: .http)
    } catch {
      preconditionFailure("the simulator's own address is refused: \(error.message)")
    }
    settings.credentials = CredentialSettings(
      demonstration: .init(key: APIKey.demonstration.key, secret: APIKey.demonstration.secret))
    // Attempts to reach a simulation must not count against those that Kraken allows.
    settings.stateDirectory += "/simulated"
    if settings.pins.isEmpty { settings.pins = Simulation.demonstration }
  }

  func stop() {
    try? Simulation.waitFor { await server.shutdown() }
    try? group.syncShutdownGracefully()
  }

  private static func readFile(_ path: String) -> String? {
    guard let file = fopen(path, "re") else { return nil }
    defer { fclose(file) }
    var text: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { text += chunk[..<count] }
    return String(decoding: text, as: UTF8.self)
  }

  /// The main thread is not a task: it waits here for one that is.
  private static func waitFor<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> Value {
    let done = DispatchSemaphore(value: 0)
    let outcome = Outcome<Value>()
    Task {
      do { outcome.result = .success(try await body()) } catch { outcome.result = .failure(error) }
      done.signal()
    }
    done.wait()
    return try outcome.result!.get()
  }

  private final class Outcome<Value>: @unchecked Sendable {
    // Sound: written before the semaphore is signalled, read after it was waited for.
    var result: Result<Value, any Error>?
  }
}
