// The daemon's command line: flags into settings, settings into a running daemon, failures into the exit
// statuses of sysexits.h.

import ArgumentParser
import BridgeDaemon
import Glibc

@main
struct KrakenBridged: ParsableCommand {
  static let version = "1.0.0"

  static let configuration = CommandConfiguration(
    commandName: "kraken-bridged",
    abstract: "Carries Kraken's market data to any number of readers on Unix sockets.",
    discussion: """
      Every flag can also be given as an environment variable (KRAKEN_BRIDGE_PUBLIC_URL=…) or in the configuration \
      file, which knows more settings than there are flags. Flags win over the environment, the environment over \
      the file.

      Exit status: 0 after a clean stop, 64 wrong usage, 70 internal error, 71 a socket cannot be opened, \
      78 wrong configuration.
      """,
    version: "kraken-bridged \(version)")

  @Option(
    help: ArgumentHelp(
      "Configuration file (default: \(StandardPaths.configuration), which may be absent).", valueName: "path"))
  var config: String?
  @Flag(help: "Print everything that is wrong with the configuration, and exit with 0 or 78.")
  var checkConfig = false

  @Option(help: ArgumentHelp("Kraken's public endpoint (default: wss://ws.kraken.com/v2).", valueName: "url"))
  var publicURL: String?
  @Option(help: ArgumentHelp("Kraken's private endpoint (default: wss://ws-auth.kraken.com/v2).", valueName: "url"))
  var privateURL: String?
  @Option(
    name: .customLong("level3-url"),
    help: ArgumentHelp("Kraken's order-by-order endpoint (default: wss://ws-l3.kraken.com/v2).", valueName: "url"))
  var level3URL: String?
  @Option(help: ArgumentHelp("Kraken's REST endpoint (default: https://api.kraken.com).", valueName: "url"))
  var restURL: String?
  @Option(
    help: ArgumentHelp(
      "Trust roots besides the system's, as PEM. Verification is never switched off.", valueName: "path"))
  var caFile: String?

  @Option(help: ArgumentHelp("Market data listener, in place of the usual ones; may be repeated.", valueName: "path"))
  var socket: [String] = []
  @Option(help: ArgumentHelp("Listener for account data and orders, mode 0600.", valueName: "path"))
  var privateSocket: String?
  @Option(
    help: ArgumentHelp("Holds the files api-key and api-secret (default: $CREDENTIALS_DIRECTORY).", valueName: "dir"))
  var credentialsDir: String?
  @Option(help: ArgumentHelp("What has to survive a restart is kept here.", valueName: "dir"))
  var stateDir: String?

  @Option(
    help: ArgumentHelp(
      "Run a simulated exchange in this process and connect to it: no network, no account. A scenario file, or its lines separated by semicolons, may follow.",
      valueName: "scenario"))
  var simulate: String?
  @Option(help: ArgumentHelp("\(LogSettings.levels.joined(separator: ", ")) (default: info).", valueName: "level"))
  var logLevel: String?
  @Option(
    help: ArgumentHelp(
      "text, json or journal (default: journal when standard error is the journal, else text).", valueName: "format"))
  var logFormat: String?

  static func main() {
    Daemon.prepareProcess()
    main(withOptionalValue(of: "--simulate", in: Array(CommandLine.arguments.dropFirst())))
  }

  /// ArgumentParser has no options whose value may be left out: gives the lonely one "true".
  static func withOptionalValue(of option: String, in arguments: [String]) -> [String] {
    guard let index = arguments.firstIndex(of: option) else { return arguments }
    let next = index + 1
    guard next == arguments.endIndex || arguments[next].hasPrefix("-") else { return arguments }
    var arguments = arguments
    arguments[index] += "=true"
    return arguments
  }

  func run() throws {
    let source = ConfigurationSource(path: config, flags: flags)
    if checkConfig { return try check(source) }
    var settings: Settings
    do {
      settings = try source.read()
    } catch {
      throw refused(error.description, status: 78)
    }
    let logger = StandardErrorLog.logger(settings.log)
    do {
      let simulation = try settings.simulation.map { try Simulation.start(scenario: $0, logger: logger) }
      simulation?.apply(to: &settings)
      try Daemon.run(settings: settings, version: Self.version, logger: logger) { () throws(InvalidSettings) in
        var settings = try source.read()
        simulation?.apply(to: &settings)
        return settings
      }
      simulation?.stop()
    } catch let failure as DaemonFailure {
      throw refused(failure.message, status: failure.exitStatus)
    }
  }

  private var flags: SettingsFlags {
    var flags = SettingsFlags()
    flags.set("upstream.public-url", flag: "--public-url", publicURL)
    flags.set("upstream.private-url", flag: "--private-url", privateURL)
    flags.set("upstream.level3-url", flag: "--level3-url", level3URL)
    flags.set("upstream.rest-url", flag: "--rest-url", restURL)
    flags.set("upstream.ca-file", flag: "--ca-file", caFile)
    flags.set("socket", flag: "--socket", socket)
    flags.set("private-socket", flag: "--private-socket", privateSocket)
    flags.set("credentials.dir", flag: "--credentials-dir", credentialsDir)
    flags.set("state-dir", flag: "--state-dir", stateDir)
    flags.set("simulate", flag: "--simulate", simulate)
    flags.set("log.level", flag: "--log-level", logLevel)
    flags.set("log.format", flag: "--log-format", logFormat)
    return flags
  }

  private func check(_ source: ConfigurationSource) throws {
    do {
      let settings = try source.read()
      for warning in settings.warnings { print("warning: \(warning)") }
      let file = settings.configurationPath
      print(access(file, F_OK) == 0 ? "\(file): nothing is wrong" : "\(file) does not exist, so defaults hold: nothing is wrong")
    } catch {
      print(error.description)
      throw ExitCode(78)
    }
  }

  private func refused(_ message: String, status: Int32) -> ExitCode {
    Daemon.reportFailure(message, exitStatus: status)
    return ExitCode(status)
  }
}
