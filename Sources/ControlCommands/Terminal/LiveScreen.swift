// Runs a live view: feeds it the bridge's lines and the keys, and paints what it draws at a capped
// rate. The view is a value that knows nothing of sockets, terminals or clocks.

import Glibc
import KrakenBridgeClient
import Synchronization

/// A picture that changes with what the bridge says.
///
/// Times are seconds since some fixed moment, handed in.
protocol LiveView: Sendable {
  /// What to read.
  var subscriptions: [Subscription] { get }
  /// Whether everything asked for has been seen, so that a single picture can be taken.
  var isComplete: Bool { get }
  mutating func receive(_ message: BridgeMessage, now: Double)
  /// Whether letters are text at the moment, not commands.
  var takesText: Bool { get }
  mutating func press(_ key: Key)
  /// The picture for that size, one text per row.
  func rows(size: TerminalSize, style: Style, link: LinkState, now: Double) -> [String]
}

/// How the connection to the daemon is; every live view shows it when it is not well.
enum LinkState: Sendable, Equatable {
  case connecting
  case connected
  /// Why there is none at the moment, and since when.
  case lost(String, since: Double)

  /// A line to show in place of the help line, if there is something to say.
  func notice(_ style: Style, now: Double) -> String? {
    switch self {
    case .connecting: style.paint("connecting…", .dim)
    case .connected: nil
    case .lost(let why, let since): style.paint(" \(why); trying again for \(Quantity.seconds(now - since)) ", .boldWarning)
    }
  }

  /// The same after one more failure.
  func failed(_ why: String, now: Double) -> LinkState {
    if case .lost(_, let since) = self { return .lost(why, since: since) }
    return .lost(why, since: now)
  }
}

struct LiveScreen<View: LiveView>: Sendable {
  /// At most ten pictures a second: smooth to the eye, little for ssh.
  static var frame: Duration { .milliseconds(100) }

  let view: View
  let address: BridgeAddress
  let console: Console
  let style: Style

  /// Shows the view until the user leaves.
  func run() async throws {
    let shared = SharedView(view)
    let terminal = Terminal(console: console)
    let events = TerminalEvents(readingKeys: console.inputIsTerminal)
    let input = events.sequence
    defer {
      events.stop()
      if shared.state.withLock({ $0.isShown }) { terminal.leave() }
    }
    let ending = try await withThrowingTaskGroup(of: Int32.self) { group in
      group.addTask {
        for try await element in BridgeFeed(address, view.subscriptions) {
          try shared.state.withLock { try $0.receive(element) }
          // Until the first line is there the terminal stays as it is, so that an error stands on it like any other.
          if case .message = element, !shared.state.withLock({ $0.isShown }) {
            try terminal.enter()
            shared.state.withLock { $0.isShown = true }
          }
        }
        return 0
      }
      group.addTask {
        while true {
          let size = console.size()
          if let changes = shared.state.withLock({ $0.changes(size: size, style: style) }) { try console.write(changes) }
          try await Task.sleep(for: Self.frame)
        }
      }
      group.addTask {
        for await event in input {
          switch event {
          case .key(.character("q")) where !shared.state.withLock({ $0.view.takesText }): return 0
          case .key(let key): shared.state.withLock { $0.press(key) }
          case .resized: shared.state.withLock { $0.repaint() }
          case .suspended:
            try terminal.suspend()
            shared.state.withLock { $0.repaint() }
          case .terminated(let number): return number
          }
        }
        return 0
      }
      defer { group.cancelAll() }
      return try await group.next() ?? 0
    }
    guard ending != 0 else { return }
    // Die of the signal, as whoever sent it expects, but with the terminal put back.
    if shared.state.withLock({ $0.isShown }) { terminal.leave() }
    events.stop()
    Terminal.die(of: ending)
  }

  /// Waits until the view has everything and prints it once.
  func printOnce(timeout: Duration = .seconds(10)) async throws {
    let shared = SharedView(view)
    var size = console.size()
    if !console.outputIsTerminal {
      size.columns = console.environment("COLUMNS").flatMap { Int($0) } ?? 80
      size.rows = console.environment("LINES").flatMap { Int($0) } ?? 24
    }
    let late = BridgeError(.timedOut, "no complete picture within \(timeout)", advice: "see what is live: kraken-ctl topics")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for try await element in BridgeFeed(address, view.subscriptions) {
          try shared.state.withLock { try $0.receive(element) }
          if shared.state.withLock({ $0.isComplete }) { return }
        }
      }
      group.addTask {
        try await Task.sleep(for: timeout)
        throw late
      }
      defer { group.cancelAll() }
      try await group.next()
    }
    let rows = shared.state.withLock { $0.view.rows(size: size, style: style, link: .connected, now: monotonicSeconds()) }
    for row in rows { try console.write(line: row.clipped(to: size.columns).trimmingTrailingSpaces()) }
  }
}

extension LiveView {
  var takesText: Bool { false }
  mutating func press(_ key: Key) {}
}

/// The one place that the reading, the drawing and the keys share.
private final class SharedView<View: LiveView>: Sendable {
  let state: Mutex<LiveState<View>>

  init(_ view: View) {
    state = Mutex(LiveState(view: view))
  }
}

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
    case .connected: link = .connected
    case .caughtUp: isCaughtUp = true
    case .disconnected(let error, _): link = link.failed(error.message, now: monotonicSeconds())
    case .message(let message):
      if case .answer(let answer) = message, answer.symbol == nil || view.subscriptions.allSatisfy({ $0.symbols.count == 1 }) {
        _ = try answer.orThrow()
      }
      view.receive(message, now: monotonicSeconds())
    }
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
    let now = monotonicSeconds()
    guard isShown, isChanged || now - drawnAt >= 1 else { return nil }
    isChanged = false
    drawnAt = now
    let changes = painter.paint(view.rows(size: size, style: style, link: link, now: now), size: size)
    return changes.isEmpty ? nil : changes
  }
}
