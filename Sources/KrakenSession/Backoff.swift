// How long to wait before the next attempt to connect.
//
// The first attempt and the first after a stable connection come at once, then the pauses grow.
// A server that accepts, says hello and drops does not make a connection stable, so it is not
// hammered. The exchange in trouble sets a floor, a refusal (403 and its kin) a schedule of its own.

struct Backoff: Sendable {
  /// What ended the last attempt or connection.
  enum Ending: Equatable {
    /// A connection that had lived on after its first message.
    case stableConnection
    /// Any other end.
    case failure
    /// A refusal that trying again soon does not cure.
    case blocked
  }

  /// Attempts since the last stable connection.
  private(set) var attempts = 0
  private var refusals = 0

  mutating func attempted() { attempts += 1 }

  /// The pause before the next attempt.
  /// - Parameter isTroubled: the exchange is overloaded or not online; nothing is gained by being fast.
  mutating func pause(
    after ending: Ending, isTroubled: Bool, configuration: SessionConfiguration,
    using generator: inout SplitMix64
  ) -> Duration {
    if ending == .blocked {
      let doublings = min(refusals, 20)
      refusals += 1
      let pause = min(configuration.blockedPause * (1 << doublings), configuration.blockedPauseMax)
      return jittered(pause, configuration, &generator)
    }
    refusals = 0
    if ending == .stableConnection { attempts = 0 }
    let pauses = configuration.reconnectPauses
    var pause = pauses.isEmpty ? .zero : pauses[min(attempts, pauses.count - 1)]
    if isTroubled { pause = max(pause, configuration.troubledPauseMin) }
    return jittered(pause, configuration, &generator)
  }

  private func jittered(
    _ pause: Duration, _ configuration: SessionConfiguration, _ generator: inout SplitMix64
  ) -> Duration {
    guard configuration.jitter > 0 else { return pause }
    return pause + pause * Double.random(in: 0...configuration.jitter, using: &generator)
  }
}
