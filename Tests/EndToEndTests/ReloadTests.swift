// A changed configuration file while readers are connected: by kraken-ctl, which waits for the outcome, and by signal.

import Foundation
import Testing

@Suite struct ReloadTests {
  @Test func aReloadIsTakenOrRefusedWholeAndCostsNobodyAnything() throws {
    let world = try World()
    try world.waitUntilOnline()
    let reader = try world.reader()
    reader.send("subscribe ticker BTC/USD")
    try reader.first(channel: "ticker", type: "snapshot")
    let file = world.folder.appending(path: "config.yaml")
    let good = try String(contentsOf: file, encoding: .utf8)
    func write(_ text: String) throws { try text.write(to: file, atomically: true, encoding: .utf8) }
    let added = world.folder.appending(path: "added.sock").path

    try write(good.replacing("state-dir:", with: "  - {path: \(added), mode: \"0600\"}\nstate-dir:"))
    let taken = try world.control(["reload"])
    #expect(try taken.wait() == 0)
    #expect(try world.reader(added).next()?["type"] as? String == "hello")
    #expect(try FileManager.default.attributesOfItem(atPath: added)[.posixPermissions] as? Int == 0o600)

    try write(good + "\ncolour: red\n")
    let refused = try world.control(["reload"])
    #expect(try refused.wait() == 78)
    let said = try (refused.errors.rest() + refused.output.rest()).joined(separator: "\n")
    #expect(said.contains("colour") && said.contains(file.lastPathComponent), "\(said)")
    #expect(try world.bridge.errors.first(containing: "is refused").contains("colour"))
    world.bridge.signal(SIGHUP)
    #expect(try world.bridge.errors.first(containing: "is refused").contains("colour"))
    #expect(try world.reader(added).next()?["type"] as? String == "hello")

    try write(good)
    world.bridge.signal(SIGHUP)
    try world.bridge.errors.first(containing: "no longer listening on \(added)")
    #expect(!FileManager.default.fileExists(atPath: added))
    try reader.first(channel: "ticker", type: "update")
  }
}
