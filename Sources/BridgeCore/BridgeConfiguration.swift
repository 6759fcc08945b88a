// What the bridge is told at start and on reload: policy only. Paths, descriptors and TLS belong to the
// daemon; the bridge knows a listener by its index in `listeners`.

import BridgeWire
import FanOut
import KrakenSession
import KrakenWire
import Trading

/// The conversations the bridge can hold, one connection each.
public enum UpstreamName: UInt8, Sendable, CaseIterable {
  case `public`, `private`, level3

  public var text: String {
    switch self {
    case .public: "public"
    case .private: "private"
    case .level3: "level3"
    }
  }

  /// Who is concerned by its state.
  var scope: Scope { self == .public ? .market : .account }
}

/// Who is at the other end of a subscriber's socket, as the kernel says (`SO_PEERCRED`).
public struct Peer: Sendable, Hashable {
  public var uid: UInt32
  public var gid: UInt32
  public var pid: Int32

  public init(uid: UInt32, gid: UInt32, pid: Int32) {
    self.uid = uid
    self.gid = gid
    self.pid = pid
  }
}

/// What connections of one listener may do and get.
public struct ListenerPolicy: Sendable, Equatable {
  public enum Preset: Sendable, Equatable {
    case none
    /// Everything the bridge carries within the scopes.
    case everything
    case topics([PinnedSubscription])
  }

  /// Shown in `clients` and in departures; usually the path of the socket.
  public var name: String
  public var allowsAccount: Bool
  public var allowsTrade: Bool
  public var preset: Preset
  public var lag: LagLimits

  public init(
    name: String, allowsAccount: Bool = false, allowsTrade: Bool = false, preset: Preset = .none, lag: LagLimits
  ) {
    self.name = name
    self.allowsAccount = allowsAccount
    self.allowsTrade = allowsTrade
    self.preset = preset
    self.lag = lag
  }
}

/// One line of `subscriptions:` or of a listener's `preset:` list, as checked by the configuration.
public struct PinnedSubscription: Sendable, Hashable {
  public var channel: String
  public var symbols: [String]
  public var depth: Int?
  public var interval: Int?
  public var eventTrigger: String?

  public init(
    channel: String, symbols: [String], depth: Int? = nil, interval: Int? = nil, eventTrigger: String? = nil
  ) {
    self.channel = channel
    self.symbols = symbols
    self.depth = depth
    self.interval = interval
    self.eventTrigger = eventTrigger
  }

  /// What is wrong with it, or nil. The words name the parameter and what it may be.
  public var fault: String? {
    do throws(RequestFault) {
      _ = try parameters
      return nil
    } catch {
      return error.message
    }
  }

  var parameters: TopicParameters {
    get throws(RequestFault) {
      try TopicParameters(
        checkedChannel: channel, symbols: symbols, depth: depth, interval: interval, eventTrigger: eventTrigger)
    }
  }
}

/// Limits on what subscribers can make the bridge hold; see README for each default's reason.
public struct BridgeLimits: Sendable, Equatable {
  public var ringBytes = 32 << 20
  /// Longest line of the log, with its LF; the ring holds two of them at least.
  public var lineBytesMax = 4 << 20
  /// Most bytes in one write when lines have to be gathered.
  public var writeBytesMax = 256 << 10
  public var connections = 16384
  public var connectionsPerUID = 16384
  public var subscriptionsPerConnection = 10000
  /// Longest request line, without its LF.
  public var requestBytesMax = 64 << 10
  /// A connection whose answers wait in this amount is not read from until they have gone.
  public var answerBytesMax = 256 << 10
  /// How long a topic nobody reads any more is kept.
  public var linger: Duration = .seconds(30)
  /// How long an answer to `subscribe` waits for Kraken's.
  public var answerDeadline: Duration = .seconds(10)
  /// How long a `snapshot` request waits for a topic that was not carried.
  public var snapshotDeadline: Duration = .seconds(10)

  public init() {}
}

public struct BridgeConfiguration: Sendable {
  public var version: String
  public var pid: Int32
  public var publicURL: String
  public var privateURL = ""
  public var level3URL = ""
  /// Whether there is what tokens are made of; without it there is no account.
  public var hasCredentials = false
  public var trading = TradingConfiguration()
  public var account = AccountParameters()
  public var session: SessionConfiguration
  public var listeners: [ListenerPolicy]
  public var pins: [PinnedSubscription]
  public var limits: BridgeLimits
  /// The bridge's own uid; it and root may ask for `clients` and `reload`.
  public var ownUID: UInt32
  /// Lower bound for the first `seq`, from the state directory; 0 when there is none.
  public var seqFloor: UInt64
  public var budget: AttemptBudget

  public init(
    version: String, pid: Int32, publicURL: String, session: SessionConfiguration, listeners: [ListenerPolicy],
    pins: [PinnedSubscription] = [], limits: BridgeLimits = BridgeLimits(), ownUID: UInt32, seqFloor: UInt64 = 0,
    budget: AttemptBudget
  ) {
    self.version = version
    self.pid = pid
    self.publicURL = publicURL
    self.session = session
    self.listeners = listeners
    self.pins = pins
    self.limits = limits
    self.ownUID = ownUID
    self.seqFloor = seqFloor
    self.budget = budget
  }

  func url(of upstream: UpstreamName) -> String {
    switch upstream {
    case .public: publicURL
    case .private: privateURL
    case .level3: level3URL
    }
  }
}
