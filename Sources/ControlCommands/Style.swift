// Colours and weights as a value: a screen asks for a meaning, and without colours gets its text back.

struct Style: Sendable {
  var isColored: Bool

  enum Ink: String, Sendable {
    case plain = ""
    case bold = "1"
    case dim = "2"
    case reverse = "7"
    case good = "32"
    case bad = "31"
    case warning = "33"
    case accent = "36"
    case boldGood = "1;32"
    case boldBad = "1;31"
    case boldWarning = "1;33"
  }

  func paint(_ text: String, _ ink: Ink) -> String {
    guard isColored, ink != .plain, !text.isEmpty else { return text }
    return "\u{1B}[\(ink.rawValue)m\(text)\u{1B}[0m"
  }

  /// The ink for a state word of an upstream or a topic.
  static func ink(forState state: String) -> Ink {
    switch state {
    case "online", "live", "open", "filled", "accepted": .good
    case "connecting", "pending", "stale", "cancel_only", "post_only", "maintenance", "submitted": .warning
    case "disabled": .dim
    default: .bad
    }
  }
}
