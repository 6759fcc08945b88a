// The configuration as one checked value: what the daemon obeys, whichever of flag, environment, file and
// default each part came from. Nothing in here is looked at again for correctness.

import BridgeCore

public struct Settings: Sendable, Equatable {
  /// The file that was read, or would have been.
  public var configurationPath: String
  public var upstream = UpstreamSettings()
  /// Carried whether or not anybody reads.
  public var pins: [PinnedSubscription] = []
  public var listeners: [ListenerSettings] = []
  public var limits = LimitSettings()
  public var silence = SilenceSettings()
  public var credentials = CredentialSettings()
  public var account = AccountSettings()
  public var trading = TradingSettings()
  public var stateDirectory: String
  /// The scenario of the built-in exchange, if that is what to connect to.
  public var simulation: String?
  public var log = LogSettings()
  /// Not wrong, but worth telling.
  public var warnings: [String] = []
}

public struct UpstreamSettings: Sendable, Equatable {
  public var publicEndpoint = Endpoint.preset("wss://ws.kraken.com/v2", kind: .webSocket)
  public var privateEndpoint = Endpoint.preset("wss://ws-auth.kraken.com/v2", kind: .webSocket)
  public var level3Endpoint = Endpoint.preset("wss://ws-l3.kraken.com/v2", kind: .webSocket)
  public var restEndpoint = Endpoint.preset("https://api.kraken.com", kind: .http)
  /// PEM file with trust roots besides the system's.
  public var caFile: String?

  public func endpoint(_ name: UpstreamName) -> Endpoint {
    switch name {
    case .public: publicEndpoint
    case .private: privateEndpoint
    case .level3: level3Endpoint
    }
  }
}

public struct ListenerSettings: Sendable, Equatable {
  public enum Scope: String, Sendable, CaseIterable { case market, account, trade }

  public var path: String
  /// Permission bits of the socket file.
  public var mode: UInt32
  /// Group name or number that the socket file is given; nil leaves the process's own.
  public var group: String?
  public var scope: Set<Scope>
  public var preset: ListenerPolicy.Preset
  /// Who may connect; both empty leaves it to the file's mode, otherwise one match is enough.
  public var allowedUIDs: Set<UInt32> = []
  public var allowedGIDs: Set<UInt32> = []
  /// Overrides of the general lag limits.
  public var lagBytes: Int?
  public var lag: Duration?

  public var carriesAccount: Bool { scope.contains(.account) || scope.contains(.trade) }

  /// Whether the lists let this peer in.
  public func admits(uid: UInt32, gid: UInt32) -> Bool {
    allowedUIDs.isEmpty && allowedGIDs.isEmpty || allowedUIDs.contains(uid) || allowedGIDs.contains(gid)
  }
}

/// Limits and what each must exceed or fit inside; the relations are checked when the settings are read.
public struct LimitSettings: Sendable, Equatable {
  /// The log that all readers share. Bounds how far back a reader can resume.
  public var ringBytes = 32 << 20
  public var connections = 16384
  /// At most `connections`.
  public var connectionsPerUID = 16384
  public var subscriptionsPerConnection = 10000
  /// How far a reader may fall behind before it is resynchronised; at most `ringBytes`.
  public var lagBytes = 8 << 20
  public var lag: Duration = .seconds(30)
  /// How long a topic that nobody reads any more is kept.
  public var linger: Duration = .seconds(30)
}

/// How long nothing may come before something is thought to be wrong; zero switches a check off.
public struct SilenceSettings: Sendable, Equatable {
  /// Without any message at all on a connection that has subscriptions.
  public var connection: Duration = .seconds(5)
  public var book: Duration = .seconds(60)
  public var ticker: Duration = .seconds(300)
  public var trade: Duration = .zero
  public var ohlc: Duration = .zero
  public var instrument: Duration = .zero
}

public struct CredentialSettings: Sendable, Equatable {
  /// Holds the files `api-key` and `api-secret`; nil when there are none.
  public var directory: String?
  /// The directory is systemd's, private whatever its files' modes say.
  public var isSystemds = false
  /// A program that prints a WebSocket token, in place of key and secret.
  public var tokenCommand: String?
  /// A program that prints the one-time password of a key with two-factor authentication.
  public var otpCommand: String?
  /// The simulated exchange's key and secret, which are in its documentation; nothing else is used then.
  public var demonstration: Demonstration?

  public struct Demonstration: Sendable, Equatable {
    public var key: String
    public var secret: String

    public init(key: String, secret: String) {
      self.key = key
      self.secret = secret
    }
  }

  public init(directory: String? = nil, tokenCommand: String? = nil, demonstration: Demonstration? = nil) {
    self.directory = directory
    self.tokenCommand = tokenCommand
    self.demonstration = demonstration
  }

  public var areGiven: Bool { directory != nil || tokenCommand != nil || demonstration != nil }
  /// There are tokens, but nothing to ask the REST interface with.
  var areWithoutKey: Bool { tokenCommand != nil && directory == nil && demonstration == nil }
}

/// What executions and balances tell of; the same for every reader.
public struct AccountSettings: Sendable, Equatable {
  /// Tokenized equities in units of the underlying.
  public var rebased = true
  /// A master account's sub-accounts too.
  public var allUsers = false
}

/// Amounts are kept as text: they are compared exactly.
public struct TradingSettings: Sendable, Equatable {
  public var enabled = false
  /// Empty: every pair.
  public var symbols: [String] = []
  public var maxOrderQuantity: String?
  public var maxNotional: String?
  public var ordersPerMinute: Int?
  public var postOnly = false
  public var validateOnly = false
  /// Orders that would exceed Kraken's rate counter are answered here.
  public var refuseOverRate = false
  /// The bridge's own dead man's switch, held while any connection with trade scope lives.
  public var cancelAfterSeconds: Int?
}

public struct LogSettings: Sendable, Equatable {
  public enum Format: String, Sendable, CaseIterable { case text, json, journal }

  /// One of swift-log's names, `trace` to `critical`.
  public var level = "info"
  /// nil: journal when standard error is the journal, text otherwise.
  public var format: Format?

  public static let levels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]
}

extension Endpoint {
  /// A default written in this source: a wrong one is our bug.
  fileprivate static func preset(_ text: String, kind: Kind) -> Endpoint {
    do { return try Endpoint(text, kind: kind) } catch { preconditionFailure("\(text): \(error.message)") }
  }
}
