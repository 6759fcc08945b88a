// kraken-ctl against a running bridge: what it prints and how it ends.

import Foundation
import Testing

@Suite(.serialized) struct ControlTests {
  @Test func itReportsSubscribesAndSends() throws {
    let world = try World()
    try world.waitUntilOnline()
    let subscribe = try world.control(["--format", "json", "subscribe", "book", "BTC/USD", "--count", "4"])
    let lines = try subscribe.output.rest()
    #expect(try subscribe.wait() == 0)
    #expect(lines.count == 4)
    #expect(lines.first?.contains(#""type":"snapshot""#) == true)
    let status = try world.control(["--format", "json", "status"])
    #expect(try status.output.rest().joined().contains(#""upstreams":["#))
    #expect(try status.wait() == 0)
    let topics = try world.control(["--format", "table", "topics"])
    #expect(try topics.output.rest().joined(separator: "\n").contains("BTC/USD"))
    let snapshot = try world.control(["--format", "json", "snapshot", "book", "ETH/USD"])
    #expect(try snapshot.output.rest().joined().contains(#""symbol":"ETH/USD""#))
    let send = try world.control(["send", #"{"method":"ping","req_id":5}"#])
    #expect(try send.output.rest().joined().contains(#""req_id":5"#))
    #expect(try send.wait() == 0)
    let version = try world.control(["version"])
    #expect(try version.wait() == 0)
  }

  @Test func itsExitCodesTellWhatWentWrong() throws {
    let world = try World()
    try world.waitUntilOnline()
    let nobody = try Child("kraken-ctl", ["--socket", world.folder.path + "/nobody.sock", "status"])
    #expect(try nobody.wait() == 69)
    #expect(try nobody.errors.rest().joined().contains("systemctl status kraken-bridge"))
    #expect(try world.control(["no-such-verb"]).wait() == 64)
    let unknown = try world.control(["snapshot", "book", "BTC/USX"])
    #expect(try unknown.wait() == 65)
    #expect(try unknown.errors.rest().joined().contains("BTC/USD"))
  }

  @Test func aClosedPipeEndsItQuietly() throws {
    let world = try World()
    try world.waitUntilOnline()
    let child = try Child.shell(
      "\(Programs.path("kraken-ctl")) --socket \(world.socket) subscribe book BTC/USD | head -n 2; echo ${PIPESTATUS[0]}")
    let lines = try child.output.rest()
    #expect(lines.count == 3)
    #expect(lines.last == "0")
    #expect(try child.errors.rest().isEmpty)
  }
}
