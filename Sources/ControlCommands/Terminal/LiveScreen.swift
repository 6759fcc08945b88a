// Runs a live view: feeds it the bridge's lines and the keys, and paints what it draws at a capped
// rate. The view is a value that knows nothing of sockets, terminals or clocks.

import KrakenBridgeClient
import Synchronization

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
        while true {
          await seed(shared)
          try await Task.sleep(for: Self.frame * 5)
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

  /// Gets what the view would like to have besides its subscriptions, on a connection of its own.
  private func seed(_ shared: SharedView<View>, timeout: Duration = .seconds(10)) async {
    let size = pictureSize
    guard let wanted = shared.state.withLock({ $0.snapshotWanted(size: size) }) else { return }
    do {
      let bridge = try await BridgeConnection.connect(to: address)
      defer { bridge.close() }
      for snapshot in try await bridge.snapshots(wanted, timeout: timeout) {
        if case .success(let event) = snapshot { try shared.state.withLock { try $0.receive(.message(.event(event))) } }
      }
    } catch {
      // The picture is good without it, and whoever has no daemon is told so by the feed.
    }
  }

  /// The terminal's size; in a pipe what the environment says.
  private var pictureSize: TerminalSize {
    var size = console.size()
    if !console.outputIsTerminal {
      size.columns = console.environment("COLUMNS").flatMap { Int($0) } ?? 80
      size.rows = console.environment("LINES").flatMap { Int($0) } ?? 24
    }
    return size
  }

  /// Waits until the view has everything and prints it once.
  func printOnce(timeout: Duration = .seconds(10)) async throws {
    let shared = SharedView(view)
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
    await seed(shared, timeout: .seconds(2))
    let size = pictureSize
    let rows = shared.state.withLock { $0.view.rows(size: size, style: style, link: .connected, now: screenSeconds()) }
    for row in rows { try console.write(line: row.clipped(to: size.columns).trimmingTrailingSpaces()) }
  }
}

/// The one place that the reading, the drawing and the keys share.
private final class SharedView<View: LiveView>: Sendable {
  let state: Mutex<LiveState<View>>

  init(_ view: View) {
    state = Mutex(LiveState(view: view))
  }
}
