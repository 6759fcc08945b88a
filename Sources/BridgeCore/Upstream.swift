// One conversation with Kraken and what the bridge hangs on it: which feed each subscription serves, what subscribers
// were last told, and whether there is a reason to be connected at all.
//
// `public` is always connected. The others need credentials, and somebody who wants something of them.

import KrakenSession
import KrakenWire
import MarketData

final class Upstream {
  let name: UpstreamName
  var session: KrakenSession
  /// The state last announced; hello lines and offline checks use it.
  var state = UpstreamState.offline
  /// Whether there is what it takes to use it.
  var isEnabled: Bool
  /// No token can be had with the present credentials.
  var isHalted = false
  /// Whether it was once connected with a token, or failed to be.
  var hadOutcome = false
  private(set) var isRunning = false
  private var feeds: [Feed?] = []
  private var boundFeeds = 0

  init(
    _ name: UpstreamName, _ configuration: SessionConfiguration, account: AccountParameters, isEnabled: Bool,
    seed: UInt64
  ) {
    self.name = name
    self.isEnabled = isEnabled
    var configuration = configuration
    configuration.usesToken = name != .public
    session = KrakenSession(configuration: configuration, seed: seed &+ UInt64(name.rawValue))
    session.use(account)
  }

  /// As subscribers are told.
  var stateText: String { isEnabled ? state.rawValue : "disabled" }

  /// Whether it is being connected because somebody has just asked for something of it: neither up nor down yet.
  var isComingUp: Bool { name != .public && isRunning && !hadOutcome }

  /// As the session says. Asked after every turn, so in place: reading the session as a whole would copy it.
  var nextDeadline: Int64? { Self.nextDeadline(&session) }
  private static func nextDeadline(_ session: inout KrakenSession) -> Int64? { session.nextDeadline }

  /// Whether requests would reach Kraken.
  var isConnected: Bool { state != .offline && state != .connecting }

  /// Whether anything of it is wanted.
  var isWanted: Bool { name == .public || boundFeeds > 0 }

  func start(now: Moment) {
    isRunning = true
    session.start(now: now)
  }

  func stop(now: Moment) -> [SessionAction] {
    isRunning = false
    hadOutcome = false
    return session.stop(now: now)
  }

  /// The session has stopped by itself.
  func halted() {
    isRunning = false
    isHalted = true
  }

  // MARK: Which feed a subscription serves

  func bind(_ id: UpstreamTopicID, to feed: Feed?) {
    while feeds.count <= id.index { feeds.append(nil) }
    boundFeeds += (feed == nil ? 0 : 1) - (feeds[id.index] == nil ? 0 : 1)
    feeds[id.index] = feed
  }

  func feed(of id: UpstreamTopicID) -> Feed? { id.index < feeds.count ? feeds[id.index] : nil }

  /// Topics that live from one subscription at Kraken.
  func topics(of id: UpstreamTopicID) -> [Topic] { feed(of: id)?.topics.filter { $0.upstream == id } ?? [] }

  func isLive(_ id: UpstreamTopicID?) -> Bool {
    guard let id else { return false }
    return session.topicState(id)?.state == .live
  }
}

extension UpstreamName {
  /// Where Kraken serves a channel.
  init(_ channel: KrakenChannel) {
    switch channel {
    case .executions, .balances: self = .private
    case .level3: self = .level3
    default: self = .public
    }
  }
}
