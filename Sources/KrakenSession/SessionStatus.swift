// A picture of the session for `status`, metrics and people.

public struct SessionStatus: Equatable, Sendable {
  public var state: UpstreamState
  public var reason: String?
  /// Attempts since the connection was last stable; 0 when connected.
  public var attempt: Int
  /// Monotonic nanoseconds, when waiting to connect.
  public var retryAt: Int64?
  /// Kraken's word for the trading engine, as last heard.
  public var system: String?
  /// Kraken's `connection_id` as text: it is beyond Int64.
  public var connectionID: String?
  /// Monotonic nanoseconds, while connected.
  public var connectedSince: Int64?
  /// Nanoseconds between the last ping and its answer.
  public var roundTrip: Int64?
  public var lastReceived: Int64?
  /// Connections opened after the first.
  public var reconnects: Int
  public var messages: Int
  /// Text bytes of those messages.
  public var bytes: Int
  /// Items that belonged to no live topic.
  public var discarded: Int
  public var garbage: Int
  public var unknown: Int
  public var rateLimited: Int
  public var topics: TopicCounts

  /// Topics by state.
  public struct TopicCounts: Equatable, Sendable {
    public var wanted = 0
    public var asked = 0
    public var confirmed = 0
    public var live = 0
    public var unsubscribing = 0
    public var paused = 0
    public var refused = 0
    public var quarantined = 0
  }
}
