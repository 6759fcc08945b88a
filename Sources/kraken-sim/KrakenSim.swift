// `kraken-sim`: the simulated exchange as a program, for tests, demonstrations and for developing bots offline.
//
// Standard output carries the WebSocket URL on its first line and nothing else, so that scripts can read it.

import ArgumentParser
import Dispatch
import Foundation
import KrakenSimulator
import Logging
import NIOCore
import NIOPosix
import SimulatedExchange

@main
struct KrakenSim: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kraken-sim",
    abstract: "A simulated Kraken: WebSocket v2 with a live market, an account to trade with, and faults on request.",
    discussion: """
      The market follows from the seed alone. Faults are given by name, with times in seconds after the start:

        kraken-sim --port 8080
        kraken-sim --seed 7 --symbols 200 --rate 20
        kraken-sim --fault drop@10 --fault wrong-checksum:symbol=BTC/USD,count=3@15
        kraken-sim --scenario bad-day.txt --control /tmp/sim.sock
        kraken-sim inject --control /tmp/sim.sock 'silence symbol=ETH/USD duration=20'

      A scenario file has one fault a line, '@10 drop' or '{"fault":"drop","at":10,"every":60}', settings as
      'set rate=20 symbols=50', and comments after '#'. 'kraken-sim faults' lists every fault and its parameters.
      The first line on standard output is the URL. On the same port:

        /v2        market data
        /auth/v2   executions, balances and orders
        /l3/v2     books by order
        /0/…       REST: public calls, tokens, balances, orders and queries of them

      Signed calls take the key and secret of a demonstration account, no secrets at all, unless others are given:

        key     \(APIKey.demonstration.key)
        secret  \(APIKey.demonstration.secret)
      """,
    subcommands: [Faults.self, Inject.self])

  @OptionGroup(title: "Market") var market: MarketOptions
  @OptionGroup(title: "Trouble") var trouble: TroubleOptions
  @OptionGroup(title: "Account") var account: AccountOptions
  @OptionGroup(title: "Serving") var serving: ServingOptions

  struct MarketOptions: ParsableArguments {
    @Option(help: "Seed of everything that is random (default: 1).") var seed: UInt64?
    @Option(help: "Number of pairs, at most 2000; the first twelve are real ones (default: 12).") var symbols: Int?
    @Option(help: "Changes per second in each market (default: 5).") var rate: Double?
    @Option(
      help: ArgumentHelp(
        "Any setting of a scenario file; may be repeated: \(Scenario.settings.joined(separator: ", ")).",
        valueName: "key=value"))
    var set: [String] = []
  }

  struct TroubleOptions: ParsableArguments {
    @Option(
      help: ArgumentHelp(
        "A fault and when it strikes, in seconds after the start; may be repeated.",
        valueName: "name[:key=value,…][@seconds]"))
    var fault: [String] = []
    @Option(help: "A file of faults and settings; flags win over its settings.") var scenario: String?
  }

  struct AccountOptions: ParsableArguments {
    @Option(help: "Key of signed calls (default: see above).") var apiKey: String?
    @Option(help: "Its secret, in Base64; belongs to --api-key.") var apiSecret: String?
  }

  struct ServingOptions: ParsableArguments {
    @Option(help: "Address to listen on.") var host = "127.0.0.1"
    @Option(help: "TCP port; 0 takes any free one.") var port = 0
    @Option(help: "PEM file with the certificate chain; serves wss and https.") var tlsCert: String?
    @Option(help: "PEM file with the certificate's private key.") var tlsKey: String?
    @Option(help: "Unix socket that takes commands while the exchange runs.") var control: String?
    @Option(help: "trace, debug, info, notice, warning, error or critical.") var logLevel = "warning"
  }

  func validate() throws {
    guard (0...65535).contains(serving.port) else { throw ValidationError("--port must be from 0 to 65535") }
    guard (serving.tlsCert == nil) == (serving.tlsKey == nil) else {
      throw ValidationError("--tls-cert and --tls-key belong together")
    }
    guard (account.apiKey == nil) == (account.apiSecret == nil) else {
      throw ValidationError("--api-key and --api-secret belong together")
    }
    guard account.apiSecret.map({ Data(base64Encoded: $0) != nil }) ?? true else {
      throw ValidationError("--api-secret is not Base64")
    }
    guard Logger.Level(rawValue: serving.logLevel) != nil else {
      throw ValidationError("unknown log level '\(serving.logLevel)'")
    }
    do {
      for fault in trouble.fault { _ = try ScheduledFault(parsing: fault) }
      var scenario = Scenario()
      try applyFlags(to: &scenario)
    } catch {
      throw ValidationError(error.description)
    }
  }

  func run() async throws {
    // A closed standard output must not end the exchange.
    signal(SIGPIPE, SIG_IGN)
    let stop = StopSignals()
    var logger = Logger(label: "kraken-sim") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = Logger.Level(rawValue: serving.logLevel) ?? .warning

    let configuration = try serverConfiguration()
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let server: SimulatorServer
    do {
      server = try await SimulatorServer.start(
        configuration: configuration, eventLoopGroup: group, logger: logger)
    } catch let error as IOError {
      throw Exit.because("cannot listen: \(error)", code: Exit.cannotBind)
    } catch {
      throw Exit.because("cannot start: \(error)", code: Exit.configuration)
    }
    FileHandle.standardOutput.write(Data((server.publicURL + "\n").utf8))
    await stop.wait()
    await server.shutdown()
    try await group.shutdownGracefully()
  }

  private func serverConfiguration() throws -> SimulatorConfiguration {
    var scenario = Scenario()
    if let path = trouble.scenario {
      do {
        scenario = try Scenario(parsing: String(contentsOfFile: path, encoding: .utf8))
      } catch {
        throw Exit.because("\(path): \(error)", code: Exit.badData)
      }
    }
    try applyFlags(to: &scenario)
    var configuration = SimulatorConfiguration(scenario: scenario)
    configuration.faults += try trouble.fault.map { try ScheduledFault(parsing: $0) }
    configuration.host = serving.host
    configuration.port = serving.port
    configuration.controlSocketPath = serving.control
    if let key = account.apiKey, let secret = account.apiSecret {
      configuration.exchange.apiKeys = [APIKey(key: key, secret: secret)]
    }
    if let certificate = serving.tlsCert, let key = serving.tlsKey {
      configuration.tls = .init(certificate: certificate, key: key)
    }
    return configuration
  }

  private func applyFlags(to scenario: inout Scenario) throws(ScenarioError) {
    if let seed = market.seed { scenario.seed = seed }
    if let symbols = market.symbols { try scenario.set("symbols=\(symbols)") }
    if let rate = market.rate { try scenario.set("rate=\(rate)") }
    for setting in market.set { try scenario.set(setting) }
  }
}

/// Exit codes as in sysexits.h.
enum Exit {
  static let badData = ExitCode(65)
  static let unavailable = ExitCode(69)
  static let cannotBind = ExitCode(71)
  static let configuration = ExitCode(78)

  static func because(_ reason: String, code: ExitCode) -> ExitCode {
    FileHandle.standardError.write(Data("kraken-sim: \(reason)\n".utf8))
    return code
  }
}

/// SIGINT and SIGTERM as something to wait for.
private struct StopSignals {
  private let sources: [any DispatchSourceSignal]
  private let arrivals: AsyncStream<Void>

  init() {
    let (arrivals, continuation) = AsyncStream.makeStream(of: Void.self)
    self.arrivals = arrivals
    sources = [SIGINT, SIGTERM].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number)
      source.setEventHandler { continuation.yield() }
      source.resume()
      return source
    }
  }

  func wait() async {
    for await _ in arrivals { break }
    for source in sources { source.cancel() }
  }
}
