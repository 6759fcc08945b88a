// Every number the conversation with Kraken depends on, in one place, each with what it must fit.
//
// The defaults are Kraken's documented limits with a margin, or follow its advice for reconnecting.

import KrakenWire

public struct SessionConfiguration: Sendable, Equatable {
  /// Whether requests on this endpoint carry a token.
  public var usesToken = false
  /// How often a refused token is replaced on one connection, unless the last time is `forgivenAfter` ago.
  public var tokenRenewalsMax = 3

  // MARK: Connecting

  /// Pauses before the attempts that follow a lost connection; the last one repeats.
  public var reconnectPauses: [Duration] = [.zero, .seconds(1), .seconds(5), .seconds(10), .seconds(20), .seconds(30)]
  /// Up to this share is added to every pause, so that many clients do not come back in step. 0 to 1.
  public var jitter = 0.25
  /// No pause is shorter while the exchange was last heard to be other than online, or after HTTP 429 and 5xx.
  public var troubledPauseMin: Duration = .seconds(5)
  /// First pause after a refusal that trying again does not cure (HTTP 401, 403, 404…); doubles up to the next one.
  public var blockedPause: Duration = .seconds(60)
  public var blockedPauseMax: Duration = .seconds(600)
  /// A connection that lived this long after its first message starts the pauses anew.
  public var stableAfter: Duration = .seconds(5)
  /// Gives up on a transport that reports neither success nor failure. Longer than the transport's own limit (10 s).
  public var openDeadline: Duration = .seconds(20)

  // MARK: Liveness

  /// Kraken says something by itself after opening; nothing for this long means that nobody is there.
  public var firstMessageDeadline: Duration = .seconds(10)
  /// With a subscription there is a heartbeat each second.
  public var silenceMax: Duration = .seconds(5)
  /// Kraken closes a connection after about 60 s without activity; without subscriptions only pings are.
  public var idlePingInterval: Duration = .seconds(15)
  /// On every connection, to know the round trip.
  public var pingInterval: Duration = .seconds(30)
  /// Without subscriptions: how long after a ping something must have been received.
  public var pongDeadline: Duration = .seconds(10)

  // MARK: Requests

  public var symbolsPerRequestMax = 200
  /// Requests that may follow each other at once, and how many a second after that.
  public var requestBurst = 10
  public var requestsPerSecond = 10
  /// What `level3` snapshots may cost in a second: Kraken's counter for standard accounts.
  public var snapshotUnitsPerSecond = 200
  /// For the answer to each symbol of a request.
  public var answerDeadline: Duration = .seconds(5)
  /// How often a subscription is asked for before its topic has failed.
  public var asksMax = 4
  /// How often an unsubscribe of something nobody wants is asked for before it counts as done.
  public var leavesMax = 3
  /// From the acknowledgement to the snapshot.
  public var firstDataDeadline: Duration = .seconds(10)
  /// The same where Kraken may send none; then the topic is live without.
  public var possibleSnapshotDeadline: Duration = .seconds(3)
  /// The longest wait for the first update of a topic whose items stand alone and that sent no snapshot.
  public var firstDataDeadlineMax: Duration = .seconds(3600)

  // MARK: Topics in trouble

  /// Pauses before a topic is subscribed again after it has failed; the last one repeats.
  public var failurePauses: [Duration] = [.zero, .seconds(1), .seconds(2), .seconds(5), .seconds(10), .seconds(30)]
  /// So many failures inside the window put a topic into quarantine.
  public var quarantineAfterFailures = 5
  public var quarantineWindow: Duration = .seconds(600)
  public var quarantinePause: Duration = .seconds(300)
  /// Live and well for so long, and earlier failures are forgotten.
  public var forgivenAfter: Duration = .seconds(600)
  /// A refused topic is asked for again this often: pairs are listed, accounts get rights.
  public var refusedPause: Duration = .seconds(600)

  /// How long a live topic may be silent while the connection is well; absent: as long as it likes.
  public var silenceLimits: [KrakenChannel: Duration] = [.book: .seconds(60), .ticker: .seconds(300)]
  /// Each probe doubles its topic's limit up to this.
  public var silenceLimitMax: Duration = .seconds(3600)

  public init() {}
}
