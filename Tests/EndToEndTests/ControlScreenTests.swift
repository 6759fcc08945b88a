// The live screens on a real terminal (tmux): resized, while the daemon restarts, while there is none, and afterwards.

import Foundation
import Testing

/// A terminal with kraken-ctl in it, and a shell behind.
private final class Screen {
  private let server = "kb-" + UUID().uuidString.prefix(8)

  init(_ world: World, _ arguments: String, columns: Int, rows: Int) throws {
    let command = "echo before; \(Programs.path("kraken-ctl")) --socket \(world.socket) \(arguments); echo ended $?; exec cat"
    try tmux("-f", "/dev/null", "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", "-s", "s", command)
  }

  deinit { _ = try? tmux("kill-server") }

  @discardableResult
  private func tmux(_ arguments: String...) throws -> [String] {
    let child = try Child("/usr/bin/tmux", ["-u", "-L", String(server)] + arguments, environment: ["TMUX": "", "LC_ALL": "C.UTF-8"])
    let lines = try child.output.rest()
    // The first one leaves a server behind, until whose end Foundation takes it for running.
    guard try arguments.contains("new-session") || child.wait() == 0 else { throw Overdue(description: try child.errors.rest().joined(separator: " ")) }
    return lines
  }

  func resize(columns: Int, rows: Int) throws { try tmux("resize-window", "-t", "s", "-x", "\(columns)", "-y", "\(rows)") }
  func press(_ key: String) throws { try tmux("send-keys", "-t", "s", key) }
  func rows() throws -> [String] { try tmux("capture-pane", "-p", "-t", "s") }

  /// Waits until the screen is as described.
  @discardableResult
  func wait(_ what: String, until isRight: ([String]) -> Bool) throws -> [String] {
    let deadline = Date(timeIntervalSinceNow: patience)
    var seen: [String] = []
    while Date() < deadline {
      seen = try rows()
      if isRight(seen) { return seen }
      usleep(200_000)
    }
    throw Overdue(description: "the screen is not \(what):\n" + seen.joined(separator: "\n"))
  }
}

@Suite(.serialized, .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/tmux"), "tmux is not installed"))
struct ControlScreenTests {
  @Test(arguments: [
    (verb: "watch BTC/USD ETH/USD", title: "2 symbols", help: "q quit", onlyWhereItIsWide: "30 MIN"),
    (verb: "book BTC/USD", title: "BTC/USD book", help: "q quit", onlyWhereItIsWide: "RECENT TRADES"),
  ])
  func aScreenStaysRightWhateverHappens(verb: String, title: String, help: String, onlyWhereItIsWide: String) throws {
    let world = try World(exchange: ["--rate", "20"])
    try world.waitUntilOnline()
    let screen = try Screen(world, verb, columns: 120, rows: 24)
    func isLive(_ rows: [String]) -> Bool {
      let text = rows.joined(separator: "\n")
      return rows.first?.hasPrefix(title) == true && text.contains(help) && !text.contains("STALE") && !text.contains("trying again")
        && text.contains("BTC/USD") && !text.contains("waiting")
    }
    func expectMovement() throws {
      let before = try screen.wait("live", until: isLive)
      try screen.wait("moving") { isLive($0) && $0 != before }
    }
    try expectMovement()

    try screen.resize(columns: 64, rows: 12)
    try screen.wait("narrow") { isLive($0) && $0.count == 12 && !$0.joined().contains(onlyWhereItIsWide) }
    try expectMovement()
    try screen.resize(columns: 150, rows: 40)
    try screen.wait("wide") { isLive($0) && $0.count == 40 && $0.joined().contains(onlyWhereItIsWide) }
    try expectMovement()

    // While there is no daemon, the picture stands and says so; a resize changes nothing about that.
    world.bridge.signal(SIGTERM)
    try world.bridge.wait()
    func isMarked(_ rows: [String]) -> Bool {
      rows.first?.hasPrefix(title) == true && rows.joined().contains("trying again for") && rows.joined().contains("STALE")
    }
    try screen.wait("marked as lost", until: isMarked)
    try screen.resize(columns: 100, rows: 20)
    try screen.wait("still marked") { isMarked($0) && $0.count == 20 }
    try world.startBridgeAgain()
    try expectMovement()

    // A crash is told in the same way.
    world.bridge.signal(SIGKILL)
    try world.bridge.wait()
    try screen.wait("marked as lost", until: isMarked)
    try world.startBridgeAgain()
    try expectMovement()

    // An exchange that goes away is marked on what it concerns.
    try world.inject("drop")
    try expectMovement()

    try screen.press("q")
    let left = try screen.wait("as it was before") { $0.contains("ended 0") }
    #expect(left.first == "before")
    #expect(!left.joined().contains(help))
  }

  /// Ended by a signal, the terminal is put back all the same.
  @Test(arguments: ["C-c", "C-\\"])
  func aSignalLeavesTheTerminalAsItWas(key: String) throws {
    let world = try World()
    try world.waitUntilOnline()
    let screen = try Screen(world, "trades BTC/USD", columns: 80, rows: 24)
    try screen.wait("live") { $0.first?.hasPrefix("BTC/USD trades") == true }
    try screen.press(key)
    let left = try screen.wait("as it was before") { $0.contains { $0.hasPrefix("ended") } }
    #expect(left.first == "before")
    // The shell echoes again.
    try screen.press("x")
    try screen.wait("echoing") { $0.contains { $0.hasSuffix("x") } }
  }
}
