// How one log entry looks: a line for people, a line of JSON, or native fields for the journal.

import BridgeCore
import Glibc
import Logging
import SystemdNotify

enum LogFormat {
  /// One line, LF included.
  static func text(_ level: Logger.Level, _ message: String, _ fields: [(String, String)], wall: Int64) -> String {
    var line = "\(timestamp(wall)) \(level.rawValue): \(message.flattened)"
    for (name, value) in fields {
      let value = value.flattened
      line +=
        value.isEmpty || value.contains(" ") || value.contains("\"") ? " \(name)=\"\(value)\"" : " \(name)=\(value)"
    }
    return line + "\n"
  }

  /// One object on one line, LF included.
  static func json(_ level: Logger.Level, _ message: String, _ fields: [(String, String)], wall: Int64) -> String {
    var line = "{\"time\":\"\(timestamp(wall))\",\"level\":\"\(level.rawValue)\",\"message\":\(message.quoted)"
    for (name, value) in fields { line += ",\(name.quoted):\(value.quoted)" }
    return line + "}\n"
  }

  static func journal(_ level: Logger.Level, _ message: String, _ fields: [(String, String)]) -> [(String, String)] {
    var entry = [
      ("MESSAGE", message), ("PRIORITY", String(level.priority)), ("SYSLOG_IDENTIFIER", "kraken-bridged"),
    ]
    for (name, value) in fields {
      entry.append((name.journalFieldName, value))
      if name == LogFormat.eventField, let event = LogRecord.Event(rawValue: value), let id = event.messageID {
        entry.append(("MESSAGE_ID", id))
      }
    }
    return entry
  }

  /// The field that carries a `LogRecord.Event`.
  static let eventField = "event"

  /// UTC to the millisecond, as RFC 3339 has it.
  static func timestamp(_ wall: Int64) -> String {
    var seconds = time_t(wall / 1_000_000_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func padded(_ number: Int, _ width: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let date =
      "\(padded(Int(parts.tm_year) + 1900, 4))-\(padded(Int(parts.tm_mon) + 1, 2))-\(padded(Int(parts.tm_mday), 2))"
    let time = "\(padded(Int(parts.tm_hour), 2)):\(padded(Int(parts.tm_min), 2)):\(padded(Int(parts.tm_sec), 2))"
    return "\(date)T\(time).\(padded(Int(wall / 1_000_000 % 1000), 3))Z"
  }
}

extension LogRecord.Event {
  /// The journal's MESSAGE_ID, for events that somebody may want to search for or act on.
  var messageID: String? {
    switch self {
    case .upstreamLost: "b2f4f6d2e0c94c1f8d0a9c7e4e1b6a01"
    case .upstreamBack: "5d1c2a9be3f34a6c9c3e7f80b1d2c402"
    case .readerDeparted: "0e6a7c51d2b84f9fa6b5d3c8e9f01a03"
    case .readerGap: "94b7d0e3a1c54e2db8f6c2a7d5e3f104"
    case .topicFault: "c81e5f7a6b2d4039a4d7e9b0c1f25605"
    case .configurationRefused: "7a3d95f0c6e84b1b9d52e4a8f7b0c306"
    default: nil
    }
  }
}

extension Logger.Level {
  /// As syslog numbers them.
  var priority: Int {
    switch self {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}

extension String {
  /// On one line: nothing that came from outside may begin a line of its own in the log.
  fileprivate var flattened: String {
    String(map { $0.isNewline || $0.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } ? " " : $0 })
  }

  fileprivate var quoted: String {
    var text = "\""
    for scalar in unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{0}"..<"\u{20}", "\u{7F}":
        let hex = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }

  /// Upper case, digits and underscores, and never a leading underscore: those are the journal's own.
  fileprivate var journalFieldName: String {
    let name = uppercased().unicodeScalars.map { scalar in
      ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar) ? Character(scalar) : "_"
    }
    return String(name.drop { $0 == "_" })
  }
}
