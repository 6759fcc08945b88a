// The entry: one seed in, an outcome or a failure out. The same seed gives the same run, byte for byte.

public struct SimulationFailure: Error, Sendable {
  public var seed: UInt64
  /// Which promise was broken, in words that stay the same.
  public var invariant: String
  public var detail: String
  /// The newest events before it, oldest first; empty unless asked for.
  public var events: [String]
}

public enum Simulation {
  public enum Size: Sendable { case small, full }

  /// Runs one world to its end.
  ///
  /// - Parameter hasAccount: with credentials, traders and everything that follows. A market-only world of the same seed
  ///   is another world.
  /// - Parameter eventsKept: how many events to keep for a failure; 0 keeps none and is faster.
  /// - Throws: `SimulationFailure` at the first broken promise.
  public static func run(
    seed: UInt64, size: Size, hasAccount: Bool = false, eventsKept: Int = 0
  ) throws(SimulationFailure) -> Outcome {
    let plan = SimulationPlan(seed: seed, size: size == .small ? .small : .full, hasAccount: hasAccount)
    let world = World(plan: plan, tracer: eventsKept > 0 ? Tracer(kept: eventsKept) : nil)
    do {
      return try world.run()
    } catch {
      throw SimulationFailure(
        seed: seed, invariant: error.invariant, detail: error.detail, events: world.tracer?.events ?? [])
    }
  }
}
