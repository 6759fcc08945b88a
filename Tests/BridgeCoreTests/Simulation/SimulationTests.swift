// Whole worlds in the test suite: a fixed set of seeds, each with its own limits, readers, faults and restarts.
// `scripts/simulate` runs larger ones by the thousand.

import BridgeSimulation
import Testing

@Suite struct SimulationTests {
  @Test(arguments: UInt64(1)...60)
  func everyPromiseIsKept(seed: UInt64) {
    do {
      let outcome = try Simulation.run(seed: seed, size: .small)
      #expect(outcome.lines > 0 && outcome.delivered > 0)
    } catch {
      Issue.record("seed \(error.seed), \(error.invariant): \(error.detail); see scripts/simulate --small --seed \(seed) --trace")
    }
  }

  @Test(arguments: [UInt64(3), 12, 24])
  func theSameSeedIsTheSameRun(seed: UInt64) throws {
    let first = try Simulation.run(seed: seed, size: .small)
    #expect(try Simulation.run(seed: seed, size: .small, eventsKept: 10) == first)
  }
}
