// The verbs that ask the daemon one question and print the answer.

import ArgumentParser
import KrakenBridgeClient

extension Console {
  /// Connects, asks, and returns the answer's result.
  func ask(_ request: BridgeRequest, _ options: GlobalOptions) async throws -> Answer {
    let bridge = try await BridgeConnection.connect(to: options.address(on: self))
    defer { bridge.close() }
    return try await bridge.ask(request)
  }

  /// Prints a list of objects: one JSON line each, a table, or CSV.
  func write(_ report: ListReport, _ options: GlobalOptions) throws {
    switch options.format(on: self) {
    case .json: for element in report.elements { try write(line: element.bytes) }
    case .table:
      let style = options.style(on: self)
      for line in report.table(style, raw: false).aligned(style) { try write(line: line) }
    case .csv: for line in report.table(Style(isColored: false), raw: true).csv() { try write(line: line) }
    }
  }
}

struct StatusCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show how the daemon, its upstreams, topics and readers are.",
    discussion: """
      EXAMPLES
        kraken-ctl status
        kraken-ctl status --format json | jq '.upstreams[] | {name, state}'
      """)

  @OptionGroup var options: GlobalOptions

  func execute(on console: Console) async throws {
    let status = try await console.ask(BridgeRequest("status"), options).result
    switch options.format(on: console) {
    case .json: try console.write(line: status.bytes)
    case .table:
      for line in StatusReport(status: status, style: options.style(on: console)).lines() { try console.write(line: line) }
    case .csv:
      let table = Table(columns: [.text("key"), .text("value")], rows: status.flattened().map { [$0.path, $0.value] })
      for line in table.csv() { try console.write(line: line) }
    }
  }
}

struct TopicsCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "topics", abstract: "List what the daemon carries, and in which state each topic is.")

  @OptionGroup var options: GlobalOptions

  func execute(on console: Console) async throws {
    let result = try await console.ask(BridgeRequest("topics"), options).result
    try console.write(.topics(result["topics"]?.elements ?? result.elements), options)
  }
}

struct ClientsCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "clients", abstract: "List who is connected and how far behind (for root and the daemon's own user).")

  @OptionGroup var options: GlobalOptions

  func execute(on console: Console) async throws {
    let result = try await console.ask(BridgeRequest("clients"), options).result
    try console.write(.clients(result["clients"]?.elements ?? result.elements), options)
  }
}

struct MetricsCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "metrics",
    abstract: "Print the daemon's metrics in the Prometheus text format.",
    discussion: """
      For node_exporter's textfile collector:
        kraken-ctl metrics > /var/lib/node_exporter/kraken-bridge.prom
      """)

  @OptionGroup var options: GlobalOptions

  func execute(on console: Console) async throws {
    let result = try await console.ask(BridgeRequest("metrics"), options).result
    // Metrics have a format of their own; JSON only for those who ask for it by name.
    if options.format == .json { return try console.write(line: result.bytes) }
    let text = result["text"]?.string ?? ""
    try console.write(text.hasSuffix("\n") || text.isEmpty ? text : text + "\n")
  }
}

struct ReloadCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload",
    abstract: "Let the daemon read its configuration again, and wait until it has.",
    discussion: "Ends with status 78 and the daemon's words when the new configuration is refused; the old one stays.")

  @OptionGroup var options: GlobalOptions

  func execute(on console: Console) async throws {
    let bridge = try await BridgeConnection.connect(to: options.address(on: console))
    defer { bridge.close() }
    let answers = try await bridge.request(BridgeRequest("reload"), timeout: .seconds(60))
    guard let answer = answers.first, !answer.success else {
      return console.write(error: "configuration reloaded")
    }
    let status: ExitStatus = answer.code == "not_permitted" ? .notPermitted : .badConfiguration
    throw CommandFailure(
      status, "reload refused: \(answer.error ?? answer.code ?? "no reason given")",
      advice: status == .notPermitted ? "ask as root: sudo kraken-ctl reload" : "the old configuration stays in force")
  }
}

struct VersionCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Print the version of kraken-ctl, and of the daemon if it is there.")

  @OptionGroup var options: GlobalOptions

  func execute(on console: Console) async throws {
    let daemon = try? await BridgeConnection.connect(to: options.address(on: console), timeout: .seconds(2))
    defer { daemon?.close() }
    let versions: JSON = [
      "kraken-ctl": .string(krakenBridgeVersion),
      "kraken-bridged": daemon.map { .string($0.hello.version) } ?? .null,
      "protocol": daemon.map { .number(String($0.hello.protocolVersion)) } ?? .null,
    ]
    switch options.format(on: console) {
    case .json: try console.write(line: versions.bytes)
    case .csv:
      for line in ["program,version"] + versions.members.map({ "\($0.name),\($0.value.plainText)" }) {
        try console.write(line: line)
      }
    case .table:
      try console.write(line: "kraken-ctl \(krakenBridgeVersion)")
      try console.write(line: "kraken-bridged " + (daemon?.hello.version ?? "not reachable"))
    }
  }
}
