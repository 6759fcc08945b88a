// One line from a subscriber, understood. Kraken's own envelope, or the same thing typed by a person.

/// The parameters that name topics.
public struct TopicParameters: Equatable, Sendable {
  public var channel: BridgeChannel
  /// As asked, old asset names replaced; case still as typed. `["*"]` means all that the bridge carries.
  public var symbols: [String]
  /// `instrument` only: asset records instead of pairs.
  public var assets: [String]
  public var depth: Int?
  public var interval: Int?
  public var eventTrigger: String?
  /// `executions` only.
  public var executions: ExecutionOptions?

  public init(
    channel: BridgeChannel, symbols: [String] = [], assets: [String] = [], depth: Int? = nil, interval: Int? = nil,
    eventTrigger: String? = nil, executions: ExecutionOptions? = nil
  ) {
    self.channel = channel
    self.symbols = symbols
    self.assets = assets
    self.depth = depth
    self.interval = interval
    self.eventTrigger = eventTrigger
    self.executions = executions
  }

  /// Whether the request is for every topic of the channel: `"*"`, or a channel of many topics without a name.
  public var isEverySymbol: Bool {
    symbols == ["*"] || assets == ["*"] || (channel == .instrument && symbols.isEmpty && assets.isEmpty)
  }

  /// The topics it names, in order, each once. Empty for `isEverySymbol`.
  public var keys: [TopicKey] {
    guard !isEverySymbol else { return [] }
    guard channel.needsSymbol || channel == .instrument else { return [TopicKey(channel, executions: executions)] }
    var seen: Set<TopicKey> = []
    let named = symbols.map { key($0) } + assets.map { TopicKey(channel, $0, isAsset: true) }
    return named.filter { seen.insert($0).inserted }
  }

  public func key(_ symbol: String) -> TopicKey {
    TopicKey(channel, symbol, depth: depth, interval: interval, eventTrigger: eventTrigger)
  }

  /// Whether a topic that exists is meant by an `isEverySymbol` request: parameters left out match any.
  public func covers(_ key: TopicKey) -> Bool {
    key.channel == channel && (depth == nil || depth == key.depth) && (interval == nil || interval == key.interval)
      && (eventTrigger == nil || eventTrigger == (key.eventTrigger ?? channel.eventTriggers.first))
      && (symbols.isEmpty == assets.isEmpty || key.isAsset == symbols.isEmpty)
  }
}

public struct SubscribeOptions: Equatable, Sendable {
  public enum OnSlow: String, Sendable, CaseIterable { case resync, disconnect }
  public var snapshot = true
  /// The largest `seq` the reader has seen.
  public var since: UInt64?
  public var onSlow: OnSlow?

  public init(snapshot: Bool = true, since: UInt64? = nil, onSlow: OnSlow? = nil) {
    self.snapshot = snapshot
    self.since = since
    self.onSlow = onSlow
  }
}

public struct Request: Equatable, Sendable {
  public enum Method: Equatable, Sendable {
    case subscribe(TopicParameters, SubscribeOptions)
    case unsubscribe(TopicParameters)
    case snapshot(TopicParameters)
    case status, topics, subscriptions, clients, ping, help, metrics, reload
    /// Trading methods; the name is Kraken's.
    case order(String)
  }

  public static let orderMethods = [
    "add_order", "amend_order", "edit_order", "cancel_order", "cancel_all", "cancel_all_orders_after", "batch_add",
    "batch_cancel",
  ]
  public static let plainMethods = [
    "status", "topics", "subscriptions", "clients", "ping", "help", "metrics", "reload",
  ]
  public static let methods = ["subscribe", "unsubscribe", "snapshot"] + plainMethods + orderMethods

  public var method: Method
  /// The method's name as asked, for the answer.
  public var name: String
  /// JSON text, for the echo.
  public var requestID: String?
  /// The JSON text of `params`, for trading methods: whoever carries them out reads it.
  public var params: [UInt8]?

  public init(_ method: Method, name: String, requestID: String? = nil, params: [UInt8]? = nil) {
    self.method = method
    self.name = name
    self.requestID = requestID
    self.params = params
  }

  static func plain(_ name: String) -> Method? {
    switch name {
    case "status": .status
    case "topics": .topics
    case "subscriptions": .subscriptions
    case "clients": .clients
    case "ping": .ping
    case "help": .help
    case "metrics": .metrics
    case "reload": .reload
    default: orderMethods.contains(name) ? .order(name) : nil
    }
  }
}
