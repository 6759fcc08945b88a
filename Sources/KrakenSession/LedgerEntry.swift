// One topic in the ledger: whether it is wanted, and how far its subscription at Kraken has come.
//
//             ask              acknowledged           first data
//   absent ─────────▶ asked ─────────────▶ confirmed ───────────▶ live
//     ▲  ▲              │ refused              │                    │
//     │  └──────────────┘                      │ not wanted, or worthless
//     │     unsubscribed            leave      ▼                    │
//     └───────────────────── leaving ◀──────────────────────────────┘
//
// Data may come before the acknowledgement (asked to live). Losing the connection makes everything
// absent. What has to be sent is never decided where an event is handled: `need` compares what is
// wanted with what is asked, and is the only place that does.

import KrakenWire
import MarketData

struct LedgerEntry: Sendable {
  enum Stage: UInt8, Sendable, CaseIterable {
    /// Kraken does not have it.
    case absent
    /// A subscribe was sent; Kraken may have it.
    case asked
    case confirmed, live
    /// An unsubscribe was sent.
    case leaving
  }

  /// Why a topic is not asked for although it is wanted, and until when.
  struct Hold: Sendable, Equatable {
    enum Reason: Sendable, Equatable {
      case paused, quarantined
      case refused(String)
    }
    var reason: Reason
    var until: Int64
  }

  enum Need: Equatable { case nothing, ask, leave }

  let topic: UpstreamTopic
  /// The symbol's UTF-8, compared with what Kraken sends.
  let symbol: [UInt8]
  let hash: UInt32

  /// The place is free; nothing else here means anything.
  var isVacant = false
  var isWanted = true
  /// Set only by `Ledger.move`, which counts stages.
  var stage = Stage.absent
  /// `asked`, `leaving`: when the answer is overdue; nil when the request has to be sent (again).
  var answerDue: Int64?
  /// `confirmed`: when the first data are overdue.
  var dataDue: Int64?
  var hold: Hold?

  /// The last request about this topic.
  var request: UInt64 = .max
  /// The first request since the stage was last absent or became leaving: older answers mean nothing.
  var episode: UInt64 = .max
  /// Requests sent in this episode.
  var requests = 0
  var isAcknowledged = false
  /// Acknowledged with "Already subscribed".
  var wasHeldAlready = false
  /// What the subscription delivers is of no use any more: it has to be left, and asked for again if wanted.
  var isWorthless = false
  /// A request for several symbols was refused without a culprit: ask for this one alone.
  var isAskedAlone = false
  /// Acknowledged, but no snapshot came: so often in a row.
  var snapshotsMissed = 0

  var faults = FaultHistory()
  var lastRefusal: String?
  var liveSince: Int64 = 0
  var lastReceived: Int64?
  /// The number of this subscription's last message, where Kraken numbers them.
  var sequence: UInt64?
  /// How long it may be silent while live, in nanoseconds.
  var silenceLimit: Int64?

  init(_ topic: UpstreamTopic) {
    self.topic = topic
    symbol = Array(topic.symbol.utf8)
    hash = TopicIndex.hash(topic.channel, symbol)
  }

  /// Answers to requests before the next one mean nothing from here on.
  mutating func startEpisode() {
    episode = .max
    requests = 0
  }

  /// A request about this topic goes out.
  mutating func requested(_ id: UInt64, answerDue: Int64) {
    if episode == .max { episode = id }
    request = id
    requests += 1
    self.answerDue = answerDue
  }

  /// What has to be sent about this topic.
  func need(now: Int64) -> Need {
    switch stage {
    case .absent:
      guard isWanted else { return .nothing }
      if let hold, hold.until > now { return .nothing }
      return .ask
    case .asked:
      guard answerDue == nil else { return .nothing }
      return isWanted && !isWorthless ? .ask : .leave
    case .confirmed, .live:
      return isWanted && !isWorthless ? .nothing : .leave
    case .leaving:
      return answerDue == nil ? .leave : .nothing
    }
  }

  /// Whether items of this topic may reach anybody.
  @inline(__always)
  var isOpenToData: Bool {
    isWanted && !isWorthless && (stage == .live || stage == .confirmed || stage == .asked)
  }

  /// The next time at which something has to be done without an event; `Int64.max` if never.
  /// - Parameter forgivenAfter: how long it has to be live for its failures to be forgotten, in nanoseconds.
  func deadline(forgivenAfter: Int64) -> Int64 {
    switch stage {
    case .absent: return isWanted ? hold?.until ?? .max : .max
    case .asked, .leaving: return answerDue ?? .max
    case .confirmed: return dataDue ?? .max
    case .live:
      let silent = silenceLimit.map { max(lastReceived ?? liveSince, liveSince) + $0 } ?? .max
      return faults.count > 0 ? min(silent, liveSince + forgivenAfter) : silent
    }
  }
}
