import BridgeCore
import Testing

@Suite struct TurnTests {
  /// Many messages can come with one read. Whoever is up to date must not lose lines because of that.
  @Test func aBurstLargerThanTheLogReachesASteadyReaderWhole() {
    var limits = BridgeLimits()
    limits.ringBytes = 64 << 10
    limits.lineBytesMax = 16 << 10
    let stage = RestartStage(limits: limits)
    let reader = stage.connect("reader")
    stage.send(reader, "subscribe ticker BTC/USD")
    stage.bringKraken()
    _ = stage.take(reader)
    for price in 1...2000 { stage.tick(price: price, endsTurn: false) }
    stage.turn()
    let lines = stage.take(reader)
    #expect(lines.count == 2000)
    #expect(!lines.contains { $0.contains("gap") })
    #expect(lines.reduce(0) { $0 + $1.utf8.count } > 3 * limits.ringBytes)
    #expect(stage.violations.isEmpty)
  }
}
