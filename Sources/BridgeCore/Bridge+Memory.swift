// What the bridge holds on behalf of its readers, for tests that want to see it bounded.

import FanOut

extension Bridge {
  public struct HeldBytes: Sendable, Equatable {
    /// Of the log.
    public var ring = 0
    /// Answers waiting to be written to one connection: the most, and all together.
    public var answersMax = 0
    public var answers = 0
    /// Input of one connection that was not taken yet: the most.
    public var inputMax = 0
  }

  /// Walks all connections.
  public var heldBytes: HeldBytes {
    var held = HeldBytes(ring: fanOut.status.heldBytes)
    for (id, connection) in connections {
      let answers = fanOut.directedBytes(id)
      held.answers += answers
      held.answersMax = max(held.answersMax, answers)
      held.inputMax = max(held.inputMax, connection.input.count)
    }
    return held
  }
}
