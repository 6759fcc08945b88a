// Subscriptions that outlive the daemon. A feed connects, subscribes, and when the connection ends
// connects again and asks for everything since the last line it saw. Nothing of this is hidden: the
// reader is told of each loss and each return, in their place among the lines.

/// What a feed reports.
public enum FeedElement: Sendable, Equatable {
  /// Connected, and every subscription is asked for. `resumedAfter` is the last line seen on earlier connections.
  case connected(Hello, resumedAfter: UInt64?)
  /// The bridge has answered every subscription of this connection; what it can resume at once has come.
  case caughtUp
  /// A line from the bridge. Answers to the feed's own subscriptions are among them; look at refusals.
  case message(BridgeMessage)
  /// The connection was lost, or could not be made; the next attempt follows after a pause.
  case disconnected(BridgeError, retryIn: Duration)
}

/// An endless sequence of lines for a set of subscriptions, across restarts of the daemon.
///
/// Lines are pulled: a program that does not ask for the next element stops reading the socket. No line is delivered
/// twice, and lines that are lost are marked by the bridge's `gap`.
///
/// ```swift
/// let feed = BridgeFeed(.find(), [Subscription("trade", ["BTC/USD"])])
/// for try await element in feed {
///   if case .message(.event(let trade)) = element { print(trade.data["price"]?.digits ?? "-") }
/// }
/// ```
public struct BridgeFeed: AsyncSequence, Sendable {
  public typealias Element = FeedElement

  public var address: BridgeAddress
  public var subscriptions: [Subscription]
  public var backoff: Backoff
  /// Whether to wait for a daemon that is not there at the very first attempt, instead of throwing.
  public var waitsForDaemon: Bool
  /// Whether to connect again. Without, the sequence ends when the bridge says goodbye and throws when the connection is lost.
  public var reconnects: Bool

  public init(
    _ address: BridgeAddress, _ subscriptions: [Subscription], backoff: Backoff = Backoff(),
    waitsForDaemon: Bool = false, reconnects: Bool = true
  ) {
    self.address = address
    self.subscriptions = subscriptions
    self.backoff = backoff
    self.waitsForDaemon = waitsForDaemon
    self.reconnects = reconnects
  }

  public func makeAsyncIterator() -> Iterator { Iterator(feed: self) }

  /// The feed's state between two elements.
  public struct Iterator: AsyncIteratorProtocol {
    let feed: BridgeFeed
    private var connection: BridgeConnection?
    private var attempts = 0
    private var pause: Duration = .zero
    private var resume = ResumePoint()
    private var generator = SystemRandomNumberGenerator()
    private var hasConnected = false
    private var ended = false

    init(feed: BridgeFeed) {
      self.feed = feed
    }

    public mutating func next() async throws -> FeedElement? {
      while !ended {
        if let connection {
          if let element = try await nextMessage(from: connection) { return element }
        } else {
          return try await connect()
        }
      }
      return nil
    }

    /// The next line worth reporting, `nil` for one that is not.
    private mutating func nextMessage(from connection: BridgeConnection) async throws -> FeedElement? {
      do {
        guard let message = try await connection.messages.next() else {
          let goodbye = BridgeError(.closedByBridge, "the bridge said goodbye")
          return try reported(ending: goodbye, orderly: true)
        }
        attempts = 0
        return switch resume.take(message) {
        case .new: .message(message)
        case .repeated: nil
        case .caughtUp: .caughtUp
        }
      } catch let error as BridgeError where error.isWorthRetrying {
        return try reported(ending: error, orderly: false)
      }
    }

    private mutating func connect() async throws -> FeedElement {
      attempts += 1
      try await Task.sleep(for: pause)
      do {
        let connection = try await BridgeConnection.connect(to: feed.address)
        let after = resume.lastSeen
        var requests = feed.subscriptions.map { subscription in
          var subscription = subscription
          subscription.since = after ?? subscription.since
          return subscription.request.line(id: connection.nextRequestID())
        }
        requests.append(resume.begin(after: connection.hello, id: connection.nextRequestID()))
        do {
          for request in requests { try await connection.send(line: request) }
        } catch let error as BridgeError where error.code == .connectionLost {
          // The bridge has closed already. What it said before, its reason perhaps, is still to be read, and then the loss.
        }
        self.connection = connection
        hasConnected = true
        return .connected(connection.hello, resumedAfter: after)
      } catch let error as BridgeError where error.isWorthRetrying && (feed.waitsForDaemon || hasConnected) {
        return disconnected(error)
      }
    }

    private mutating func reported(ending error: BridgeError, orderly: Bool) throws -> FeedElement? {
      connection = nil
      if feed.reconnects { return disconnected(error) }
      ended = true
      if orderly { return nil }
      throw error
    }

    private mutating func disconnected(_ error: BridgeError) -> FeedElement {
      pause = feed.backoff.pause(before: attempts + 1, using: &generator)
      return .disconnected(error, retryIn: pause)
    }
  }
}

/// From where to go on after a loss.
///
/// While several subscriptions are being resumed, the lines of one may run ahead of another's. Were the connection lost
/// then, the largest `seq` seen would skip lines of the slower one. So the point moves only once the bridge has answered
/// a ping sent after all subscriptions; lines that come twice because of it are recognised by their topic's last `seq`.
/// For the same reason it stays before a `gap` until every topic has had the snapshot that makes up for it.
struct ResumePoint {
  private(set) var lastSeen: UInt64?
  private var largest: UInt64 = 0
  private var fence: UInt64?
  /// Topics that a gap has left without a true state.
  private var owed: Set<Topic> = []
  private var lastByTopic: [Topic: UInt64] = [:]

  /// Starts on a new connection; returns the ping that goes after the subscriptions.
  mutating func begin(after hello: Hello, id: UInt64) -> [UInt8] {
    // A bridge that counts from further back has lost its state: what was seen says nothing of what comes.
    if hello.seq < largest { self = ResumePoint() }
    fence = id
    if lastSeen == nil { largest = hello.seq }
    return BridgeRequest("ping").line(id: id)
  }

  enum Verdict: Equatable {
    case new
    /// Delivered before, on an earlier connection.
    case repeated
    /// The answer to our own ping.
    case caughtUp
  }

  /// Notes a message.
  mutating func take(_ message: BridgeMessage) -> Verdict {
    if case .answer(let answer) = message {
      guard let fence, answer.method == "pong", answer.requestID == fence else { return .new }
      self.fence = nil
      advance()
      return .caughtUp
    }
    switch message {
    case .event(let event):
      if let last = lastByTopic[event.topic] {
        // A snapshot made for this reader bears the number of its topic's last line; an older one is of the log.
        guard event.seq > last || event.seq == last && event.kind == .snapshot else { return .repeated }
      }
      lastByTopic[event.topic] = event.seq
      if event.kind == .snapshot { owed.remove(event.topic) }
    case .gap: owed = Set(lastByTopic.keys)
    // What is marked stale gets its snapshot when it is live again, whichever connection that is on.
    case .stale(let stale): owed = owed.filter { !stale.concerns($0) }
    default: break
    }
    if let seq = message.seq {
      largest = max(largest, seq)
      advance()
    }
    return .new
  }

  private mutating func advance() {
    if fence == nil, owed.isEmpty { lastSeen = max(lastSeen ?? 0, largest) }
  }
}
