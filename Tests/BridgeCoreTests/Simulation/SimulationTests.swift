// Whole worlds in the test suite: a fixed set of seeds, each with its own limits, readers, faults and restarts.
// `scripts/simulate` runs larger ones by the thousand.

import BridgeSimulation
import Testing

@Suite struct SimulationTests {
  @Test(arguments: UInt64(1)...60)
  func everyPromiseIsKept(seed: UInt64) { run(seed, hasAccount: false) }

  /// With credentials: orders, executions and balances, and all that can happen to them.
  @Test(arguments: UInt64(1)...16)
  func everyPromiseToTradersIsKept(seed: UInt64) { run(seed, hasAccount: true) }

  private func run(_ seed: UInt64, hasAccount: Bool) {
    do {
      let outcome = try Simulation.run(seed: seed, size: .small, hasAccount: hasAccount)
      #expect(outcome.lines > 0 && outcome.delivered > 0)
    } catch {
      let option = hasAccount ? " --private" : ""
      Issue.record(
        "seed \(error.seed), \(error.invariant): \(error.detail); see scripts/simulate\(option) --small --seed \(seed) --trace")
    }
  }

  @Test(arguments: [(seed: UInt64(3), hasAccount: false), (12, false), (24, false), (5, true), (16, true)])
  func theSameSeedIsTheSameRun(seed: UInt64, hasAccount: Bool) throws {
    let first = try Simulation.run(seed: seed, size: .small, hasAccount: hasAccount)
    #expect(try Simulation.run(seed: seed, size: .small, hasAccount: hasAccount, eventsKept: 10) == first)
  }
}
