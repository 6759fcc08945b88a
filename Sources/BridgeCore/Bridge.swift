// The whole bridge without its sockets: Kraken's messages and subscribers' requests in, lines and actions out.
//
// It composes the session (what we say to Kraken), the feeds (what Kraken's data means) and the fan-out (who gets
// which line), and is confined to one event loop: not Sendable on purpose, no locks, no tasks. Time is handed in
// and chance comes from a seed, so a simulation can run it thousands of times faster than life.

import FanOut
import JSONText
import KrakenSession
import KrakenWire
import MarketData

public final class Bridge {
  public init(configuration: BridgeConfiguration, seed: UInt64, now: Moment) { fatalError() }

  public func start(now: Moment) {}

  // Upstream transports
  public func upstreamOpened(_ name: UpstreamName, now: Moment) {}
  public func upstreamFailed(_ name: UpstreamName, _ failure: TransportFailure, now: Moment) {}
  public func upstreamClosed(_ name: UpstreamName, code: UInt16?, reason: String, now: Moment) {}
  public func upstreamReceived(_ name: UpstreamName, text: UnsafeRawBufferPointer, now: Moment) {}
  public func upstreamReceivedBinary(_ name: UpstreamName, now: Moment) {}

  // Subscribers
  public enum Connected { case accepted(SubscriberID), refused([UInt8]) }
  public func subscriberConnected(listener: Int, peer: Peer, now: Moment) -> Connected { fatalError() }
  public func subscriberReceived(_ id: SubscriberID, _ bytes: UnsafeRawBufferPointer, now: Moment) {}
  public func subscriberWritable(_ id: SubscriberID, now: Moment) {}
  public func subscriberHalfClosed(_ id: SubscriberID, now: Moment) {}
  public func subscriberGone(_ id: SubscriberID, now: Moment) {}
  public func wantsInput(_ id: SubscriberID) -> Bool { true }

  // Turn
  public func endTurn<T: SubscriberTransport>(now: Moment, transport: inout T) {}
  public var nextDeadline: Int64? { nil }
  public func deadlineReached(now: Moment) {}
  public func takeActions() -> [BridgeAction] { [] }

  // Life
  public func reconfigure(_ configuration: BridgeConfiguration, now: Moment) {}
  public func reloadFinished(_ id: SubscriberID, error: String?, now: Moment) {}
  public func beginShutdown(now: Moment) {}
  public func statusLine(now: Moment) -> String { "" }
  /// Text for the state directory: the attempt budget and the highest seq given out.
  public var savedState: [UInt8] { [] }
}
