// The command line as a whole: which verbs there are, where global options may stand, and how each
// kind of end becomes an exit status.

import ArgumentParser
import KrakenBridgeClient

/// The command line client of kraken-bridge.
public struct KrakenControl: AsyncParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "kraken-ctl",
    abstract: "Look at, read from and steer kraken-bridge, the local bridge to Kraken's market data.",
    discussion: """
      Data goes to standard output and everything else to standard error. On a terminal the format is a table, in \
      a pipe JSON lines; --format chooses.

      EXAMPLES
        kraken-ctl status
        kraken-ctl watch
        kraken-ctl book BTC/USD
        kraken-ctl subscribe ticker BTC/USD ETH/USD
        kraken-ctl subscribe trade BTC/USD --format json | jq .data.price
        kraken-ctl snapshot book BTC/USD
        kraken-ctl send 'subscribe book BTC/USD depth=25' --wait 5s

      EXIT STATUS
        0 done, 64 usage, 65 bad data, 69 daemon not reachable, 70 internal error,
        75 timed out or try again, 77 not permitted, 78 bad configuration
      """,
    version: krakenBridgeVersion,
    groupedSubcommands: [
      CommandGroup(
        name: "Looking",
        subcommands: [StatusCommand.self, TopicsCommand.self, ClientsCommand.self, MetricsCommand.self, DoctorCommand.self]),
      CommandGroup(
        name: "Drawing",
        subcommands: [WatchCommand.self, BookCommand.self, ChartCommand.self, TradesCommand.self]),
      CommandGroup(
        name: "Reading",
        subcommands: [SubscribeCommand.self, SnapshotCommand.self, RecordCommand.self, ReplayCommand.self]),
      CommandGroup(
        name: "Trading",
        subcommands: [BalancesCommand.self, ExecutionsCommand.self, OrderCommand.self]),
      CommandGroup(
        name: "Steering",
        subcommands: [ReloadCommand.self, SendCommand.self, VersionCommand.self]),
    ])

  public init() {}

  /// Runs one command line (without the program's name) and returns the exit status.
  public static func run(_ arguments: [String], on console: Console) async -> Int32 {
    do {
      var command = try await asyncParseAsRoot(globalOptionsLast(arguments))
      if let command = command as? any ControlCommand {
        try await command.execute(on: console)
      } else {
        try command.run()
      }
      return ExitStatus.ok.rawValue
    } catch is OutputClosed {
      // Whoever read our output has seen enough.
      return ExitStatus.ok.rawValue
    } catch let error as BridgeError {
      console.complain(error.description)
      return ExitStatus(error).rawValue
    } catch let failure as CommandFailure {
      console.complain(failure.description)
      return failure.status.rawValue
    } catch let exit as ExitCode {
      return exit.rawValue
    } catch let error where exitCode(for: error) == .success {
      try? console.write(line: SymbolCompletion.keepingSymbolsWhole(in: fullMessage(for: error)))
      return ExitStatus.ok.rawValue
    } catch let error {
      console.write(error: fullMessage(for: error))
      return exitCode(for: error) == .validationFailure ? ExitStatus.usage.rawValue : ExitStatus.internalError.rawValue
    }
  }

  /// Moves the options that every verb has from before the verb to after it, where its parser looks for them.
  static func globalOptionsLast(_ arguments: [String]) -> [String] {
    var rest = arguments[...]
    var verbs: [String] = []
    var moved: [String] = []
    while let first = rest.first, let name = first.split(separator: "=").first {
      if first == OrderCommand.configuration.commandName {
        verbs.append(first)
        rest = rest.dropFirst()
        continue
      }
      guard ["--socket", "--format", "--color"].contains(name) else { break }
      let length = first.contains("=") ? 1 : 2
      guard rest.count > length else { break }
      moved += rest.prefix(length)
      rest = rest.dropFirst(length)
    }
    let terminator = rest.firstIndex(of: "--") ?? rest.endIndex
    return verbs + rest[..<terminator] + moved + rest[terminator...]
  }
}

/// A verb of kraken-ctl.
protocol ControlCommand: AsyncParsableCommand {
  func execute(on console: Console) async throws
}

/// The version of every program built from this source.
public let krakenBridgeVersion = "1.0.0"
