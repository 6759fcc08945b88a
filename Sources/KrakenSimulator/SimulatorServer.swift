// A simulated exchange on a TCP port: what `kraken-sim` runs and what the daemon embeds with `--simulate`.
//
// One event loop owns everything: the model, every connection and the timer. Callers from elsewhere hop onto it.

public import Logging
public import NIOCore
public import SimulatedExchange

public final class SimulatorServer: Sendable {
  private let loop: any EventLoop
  private let runner: NIOLoopBound<ExchangeRunner>
  public let port: Int
  private let hostName: String
  private let isSecure: Bool

  private init(runner: ExchangeRunner, port: Int, configuration: SimulatorConfiguration) {
    loop = runner.loop
    self.runner = NIOLoopBound(runner, eventLoop: runner.loop)
    self.port = port
    isSecure = configuration.tls != nil
    hostName = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
  }

  /// Listens and starts the market. Throws what binding, the certificate or the control socket throws.
  public static func start(
    configuration: SimulatorConfiguration, eventLoopGroup: any EventLoopGroup, logger: Logger
  ) async throws -> SimulatorServer {
    let loop = eventLoopGroup.next()
    return try await loop.flatSubmit { () -> EventLoopFuture<SimulatorServer> in
      do {
        let runner = try ExchangeRunner(configuration: configuration, loop: loop, logger: logger)
        let bound = NIOLoopBound(runner, eventLoop: loop)
        return runner.start().map { port in
          SimulatorServer(runner: bound.value, port: port, configuration: configuration)
        }
      } catch {
        return loop.makeFailedFuture(error)
      }
    }.get()
  }

  /// Market data.
  public var publicURL: String { webSocketURL("/v2") }
  /// Executions, balances and trading.
  public var privateURL: String { webSocketURL("/auth/v2") }
  /// Books by order.
  public var level3URL: String { webSocketURL("/l3/v2") }
  public var restURL: String { "\(isSecure ? "https" : "http")://\(hostName):\(port)" }

  private func webSocketURL(_ path: String) -> String { "\(isSecure ? "wss" : "ws")://\(hostName):\(port)\(path)" }

  /// Makes a fault happen now.
  public func inject(_ fault: Fault) { schedule(ScheduledFault(fault)) }

  /// Makes a fault happen later; times count from now.
  public func schedule(_ fault: ScheduledFault) {
    loop.execute { [runner] in runner.value.change { $0.schedule(fault) } }
  }

  /// Ends every fault that is still waiting or lasting.
  public func clearFaults() {
    loop.execute { [runner] in runner.value.change { $0.clearFaults() } }
  }

  /// Looks at the exchange, at this moment.
  public func inspect<Value: Sendable>(_ look: @escaping @Sendable (Exchange) -> Value) async throws -> Value {
    try await loop.submit { [runner] in look(runner.value.exchange) }.get()
  }

  /// Closes every connection and stops listening.
  public func shutdown() async {
    try? await loop.flatSubmit { [runner] in runner.value.stop() }.get()
  }
}
