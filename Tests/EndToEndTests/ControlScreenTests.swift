// The live screens on a real terminal (tmux): resized, while the daemon restarts, while there is none, and afterwards.

import Foundation
import Testing

@Suite(.serialized, .enabled(if: Screen.isAvailable, "tmux is not installed"))
struct ControlScreenTests {
  /// kraken-ctl with something before it and its end behind it.
  private static func command(_ world: World, _ arguments: String) -> String {
    "echo before; \(Programs.path("kraken-ctl")) --socket \(world.socket) \(arguments); echo ended $?; exec cat"
  }

  @Test(arguments: [
    (verb: "watch BTC/USD ETH/USD", title: "2 symbols", help: "q quit", onlyWhereItIsWide: "30 MIN"),
    (verb: "book BTC/USD", title: "BTC/USD book", help: "q quit", onlyWhereItIsWide: "RECENT TRADES"),
  ])
  func aScreenStaysRightWhateverHappens(verb: String, title: String, help: String, onlyWhereItIsWide: String) throws {
    let world = try World(exchange: ["--rate", "20"])
    try world.waitUntilOnline()
    let screen = try Screen(Self.command(world, verb), columns: 120, rows: 24)
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
    let screen = try Screen(Self.command(world, "trades BTC/USD"), columns: 80, rows: 24)
    try screen.wait("live") { $0.first?.hasPrefix("BTC/USD trades") == true }
    try screen.press(key)
    let left = try screen.wait("as it was before") { $0.contains { $0.hasPrefix("ended") } }
    #expect(left.first == "before")
    // The shell echoes again.
    try screen.press("x")
    try screen.wait("echoing") { $0.contains { $0.hasSuffix("x") } }
  }
}
