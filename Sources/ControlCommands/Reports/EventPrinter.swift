// The bridge's lines on standard output, in the format wanted.

import KrakenBridgeClient

/// Prints messages in the format wanted.
struct EventPrinter {
  private let console: Console
  private let format: OutputFormat
  private let text: EventText
  private var csv: EventCSV?

  init(console: Console, options: GlobalOptions) {
    self.console = console
    format = options.format(on: console)
    text = EventText(style: options.style(on: console))
  }

  mutating func write(_ message: BridgeMessage) throws {
    switch (format, message) {
    case (.json, _):
      try console.write(line: message.line.bytes)
    case (.table, _):
      try console.write(line: text.line(message))
    case (.csv, .event(let event)):
      let csv = self.csv ?? EventCSV(channel: event.channel, sample: event)
      if self.csv == nil {
        try console.write(line: csv.heading)
        self.csv = csv
      }
      for row in csv.rows(event) { try console.write(line: row) }
    case (.csv, _):
      // Not a row; but never silent about lost or stale data.
      console.complain(EventText(style: Style(isColored: false)).line(message))
    }
  }
}

extension EventPrinter {
  /// Prints what there is, and then fails if something was refused.
  mutating func write(_ snapshots: [Result<Event, BridgeError>]) throws {
    var refusals: [BridgeError] = []
    for snapshot in snapshots {
      switch snapshot {
      case .success(let event): try write(.event(event))
      case .failure(let refusal): refusals.append(refusal)
      }
    }
    for refusal in refusals.dropFirst() { console.complain(refusal.description) }
    if let first = refusals.first { throw first }
  }
}
