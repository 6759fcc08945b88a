// A log that tests can read.

import Logging
import Synchronization

@testable import BridgeDaemon

/// What the daemon logs, and with which settings.
final class LogRecorder: Sendable {
  private let recorded = Mutex<(settings: [LogSettings], lines: [String], fields: [String])>(([], [], []))

  var settings: [LogSettings] { recorded.withLock { $0.settings } }
  var lines: [String] { recorded.withLock { $0.lines } }
  /// Values of what came with the lines.
  var fields: [String] { recorded.withLock { $0.fields } }

  func logger(_ settings: LogSettings) -> Logger {
    recorded.withLock { $0.settings.append(settings) }
    return Logger(label: "test") { _ in Handler(recorder: self, logLevel: Logger.Level(rawValue: settings.level) ?? .info) }
  }

  private struct Handler: LogHandler {
    let recorder: LogRecorder
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level

    init(recorder: LogRecorder, logLevel: Logger.Level) {
      self.recorder = recorder
      self.logLevel = logLevel
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      recorder.recorded.withLock {
        $0.lines.append(event.message.description)
        $0.fields += (event.metadata ?? [:]).values.map { "\($0)" }
      }
    }
  }
}
