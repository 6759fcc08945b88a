// The options every verb has, and what follows from them together with the surroundings.

import ArgumentParser
import KrakenBridgeClient

enum OutputFormat: String, ExpressibleByArgument, CaseIterable, Sendable {
  case json, table, csv
}

enum ColorChoice: String, ExpressibleByArgument, CaseIterable, Sendable {
  case auto, always, never
}

struct GlobalOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The daemon's socket (default: $KRAKEN_BRIDGE_SOCKET, or the usual places).", valueName: "path"))
  var socket: String?

  @Option(help: "How to print: json, table or csv (default: table on a terminal, json in a pipe).")
  var format: OutputFormat?

  @Option(help: "Colours: auto, always or never.")
  var color: ColorChoice = .auto

  func address(_ listener: BridgeAddress.Listener = .bridge, on console: Console) -> BridgeAddress {
    socket.map { BridgeAddress(path: $0) } ?? .find(listener, environment: console.environment)
  }

  func format(on console: Console) -> OutputFormat {
    format ?? (console.outputIsTerminal ? .table : .json)
  }

  /// `always` and `never` are orders; otherwise only a terminal that can gets colours, and only if the user wants any.
  func style(on console: Console) -> Style {
    switch color {
    case .always: return Style(isColored: true)
    case .never: return Style(isColored: false)
    case .auto:
      let unwanted = console.environment("NO_COLOR").map { !$0.isEmpty } ?? false
      return Style(isColored: console.outputIsTerminal && !unwanted && console.environment("TERM") != "dumb")
    }
  }
}

/// A length of time on the command line: `500ms`, `10s`, `5m`, `2h`, `1d`; a bare number is seconds.
struct TimeSpan: ExpressibleByArgument, Sendable, Equatable {
  var duration: Duration

  init(_ duration: Duration) {
    self.duration = duration
  }

  init?(argument: String) {
    let digits = argument.prefix { $0.isNumber || $0 == "." }
    guard let amount = Double(digits), amount >= 0, amount.isFinite else { return nil }
    let unit: Double
    switch argument[digits.endIndex...] {
    case "ms": unit = 0.001
    case "", "s": unit = 1
    case "m", "min": unit = 60
    case "h": unit = 3600
    case "d": unit = 86400
    default: return nil
    }
    // A century: far beyond any use, far below any overflow.
    guard amount * unit <= 3.2e9 else { return nil }
    duration = .seconds(amount * unit)
  }

  var defaultValueDescription: String { "\(duration)" }
}

extension Duration {
  /// In seconds, for printing and drawing.
  var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
