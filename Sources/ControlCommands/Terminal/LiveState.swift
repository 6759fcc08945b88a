// A live view between two pictures: what has come, and what the terminal shows of it.

import KrakenBridgeClient

/// A view, its connection, and what the terminal shows of them.
struct LiveState<View: LiveView>: Sendable {
  private(set) var view: View
  /// Whether the terminal is ready to be drawn on.
  var isShown = false
  private var link = LinkState.connecting
  private var isCaughtUp = false
  private var painter = RowPainter()
  private var isChanged = true
  private var drawnAt = -1.0

  init(view: View) {
    self.view = view
  }

  /// Whether every subscription is answered and the view has what it asked for.
  var isComplete: Bool { isCaughtUp && view.isComplete }

  /// Throws when everything that was asked for is refused.
  mutating func receive(_ element: FeedElement) throws(BridgeError) {
    isChanged = true
    switch element {
    // What is shown is from before, until the bridge has said what became of it.
    case .connected: break
    case .caughtUp:
      link = .connected
      isCaughtUp = true
    case .disconnected(let error, _): link = link.failed(error.message, now: screenSeconds())
    case .message(let message):
      if case .answer(let answer) = message, answer.symbol == nil || view.subscriptions.allSatisfy({ $0.symbols.count == 1 }) {
        _ = try answer.orThrow()
      }
      view.receive(message, now: screenSeconds())
    }
  }

  mutating func snapshotWanted(size: TerminalSize) -> Subscription? {
    view.snapshotWanted(size: size, now: screenSeconds())
  }

  mutating func press(_ key: Key) {
    view.press(key)
    isChanged = true
  }

  /// Something else has been on the terminal, or its size changed.
  mutating func repaint() {
    painter.invalidate()
    isChanged = true
  }

  /// What to write to the terminal, if the picture can have changed: something happened, or a second passed and ages have grown.
  mutating func changes(size: TerminalSize, style: Style) -> String? {
    let now = screenSeconds()
    guard isShown, isChanged || now - drawnAt >= 1 else { return nil }
    isChanged = false
    drawnAt = now
    let changes = painter.paint(view.rows(size: size, style: style, link: link, now: now), size: size)
    return changes.isEmpty ? nil : changes
  }
}

/// Seconds since 1970 for pictures: the wall clock as it was at the start, without its steps since.
func screenSeconds() -> Double { wallAtZero + monotonicSeconds() }

private let wallAtZero = wallSeconds() - monotonicSeconds()
