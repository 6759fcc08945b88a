// The log of a service: everything goes to standard error, or straight to the journal when that is where
// standard error leads.

import Glibc
import Logging
import SystemdNotify

/// swift-log's back end. A value, as swift-log asks for: changing one logger's level leaves the others alone.
public struct StandardErrorLog: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var logLevel: Logger.Level
  private let format: LogSettings.Format

  /// - Parameter format: nil chooses the journal when standard error is the journal, text otherwise.
  public init(level: Logger.Level, format: LogSettings.Format?) {
    logLevel = level
    self.format = format ?? (Journal.isStandardError ? .journal : .text)
  }

  /// A logger that writes here.
  public static func logger(_ settings: LogSettings) -> Logger {
    Logger(label: "kraken-bridged") { _ in
      StandardErrorLog(level: Logger.Level(rawValue: settings.level) ?? .info, format: settings.format)
    }
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }
      .map { ($0.key, "\($0.value)") }
      .sorted { $0.0 < $1.0 }
    let message = event.message.description
    switch format {
    case .journal:
      Journal.send(LogFormat.journal(event.level, message, fields).map { (name: $0.0, value: $0.1) })
    case .text:
      write(LogFormat.text(event.level, message, fields, wall: SystemClock.now.wall))
    case .json:
      write(LogFormat.json(event.level, message, fields, wall: SystemClock.now.wall))
    }
  }

  /// In one call, so that lines of several threads do not mix.
  private func write(_ line: String) {
    var line = line
    line.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }
}
