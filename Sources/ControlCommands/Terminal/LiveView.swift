// What can be shown live, and what every picture says about the connection it is drawn from.

import KrakenBridgeClient

/// A picture that changes with what the bridge says.
///
/// Times are seconds since 1970, handed in.
protocol LiveView: Sendable {
  /// What to read.
  var subscriptions: [Subscription] { get }
  /// Whether everything asked for has been seen, so that a single picture can be taken.
  var isComplete: Bool { get }
  mutating func receive(_ message: BridgeMessage, now: Double)
  /// Topics whose present state would make the picture better; each is asked for once, and comes as an event if it comes.
  mutating func snapshotWanted(size: TerminalSize, now: Double) -> Subscription?
  /// Whether letters are text at the moment, not commands.
  var takesText: Bool { get }
  mutating func press(_ key: Key)
  /// The picture for that size, one text per row.
  func rows(size: TerminalSize, style: Style, link: LinkState, now: Double) -> [String]
}

extension LiveView {
  func snapshotWanted(size: TerminalSize, now: Double) -> Subscription? { nil }
  var takesText: Bool { false }
  mutating func press(_ key: Key) {}
}

/// How the connection to the daemon is; every live view shows it when it is not well.
enum LinkState: Sendable, Equatable {
  case connecting
  case connected
  /// Why there is none at the moment, and since when.
  case lost(String, since: Double)

  /// Why nothing on the screen is live, whatever the topics were when the connection was lost.
  var staleReason: String? {
    if case .lost = self { "no daemon" } else { nil }
  }

  /// The last line of a picture: what there is to say of the connection, or else as many of the hints, the important ones
  /// first, as there are columns for.
  func footer(_ hints: [String], columns: Int, style: Style, now: Double) -> String {
    if let notice = notice(style, now: now) { return notice }
    var shown = hints.prefix(1).joined()
    for hint in hints.dropFirst() {
      guard shown.count + 2 + hint.count <= columns else { break }
      shown += "  " + hint
    }
    return style.paint(shown, .dim)
  }

  /// A line to show in place of the hints, if there is something to say.
  private func notice(_ style: Style, now: Double) -> String? {
    switch self {
    case .connecting: style.paint("connecting…", .dim)
    case .connected: nil
    case .lost(let why, let since): style.paint(" trying again for \(Quantity.seconds(now - since)): \(why) ", .boldWarning)
    }
  }

  /// The same after one more failure.
  func failed(_ why: String, now: Double) -> LinkState {
    if case .lost(_, let since) = self { return .lost(why, since: since) }
    return .lost(why, since: now)
  }
}
