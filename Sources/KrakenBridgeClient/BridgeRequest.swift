// What a program may ask of the bridge: Kraken v2's envelope with the bridge's additions.

/// A request: a method and its parameters.
public struct BridgeRequest: Sendable, Equatable {
  public var method: String
  public var parameters: JSON

  public init(_ method: String, _ parameters: JSON = .null) {
    self.method = method
    self.parameters = parameters
  }

  /// How many answers belong to this request; `nil` when only the bridge knows (`"symbol":"*"`).
  var answersExpected: Int? {
    guard let symbols = parameters["symbol"] else { return 1 }
    if case .array(let list) = symbols { return Set(list).count }
    return symbols == "*" ? nil : 1
  }

  /// The request line without its LF.
  ///
  /// - Parameter id: the `req_id` that the answers will bear.
  public func line(id: UInt64?) -> [UInt8] {
    var members = [JSON.Member("method", .string(method))]
    if !parameters.isNull { members.append(JSON.Member("params", parameters)) }
    if let id { members.append(JSON.Member("req_id", .number(String(id)))) }
    return JSON.object(members).bytes
  }
}

/// Something to read: one channel, and symbols of it.
public struct Subscription: Sendable, Hashable {
  /// What the bridge does with a reader that falls too far behind.
  public enum OnSlow: String, Sendable, Hashable, CaseIterable {
    /// Leave lines out, say so with `gap`, go on with a snapshot.
    case resync
    /// Say `goodbye` and close.
    case disconnect
  }

  public var channel: String
  /// Empty for channels without symbols; `["*"]` for all that the bridge carries.
  public var symbols: [String]
  public var depth: Int?
  public var interval: Int?
  public var eventTrigger: String?
  public var snapshot: Bool
  /// Resume after this line.
  public var since: UInt64?
  public var onSlow: OnSlow
  /// Other parameters of the channel, such as `snap_trades` of `executions`.
  public var parameters: [JSON.Member]

  public init(
    _ channel: String, _ symbols: [String] = [], depth: Int? = nil, interval: Int? = nil,
    eventTrigger: String? = nil, snapshot: Bool = true, since: UInt64? = nil, onSlow: OnSlow = .resync,
    parameters: [JSON.Member] = []
  ) {
    self.channel = channel
    self.symbols = symbols
    self.depth = depth
    self.interval = interval
    self.eventTrigger = eventTrigger
    self.snapshot = snapshot
    self.since = since
    self.onSlow = onSlow
    self.parameters = parameters
  }

  /// The request that asks for this.
  public var request: BridgeRequest {
    var parameters = keyParameters
    if !snapshot { parameters.append(JSON.Member("snapshot", false)) }
    if let since { parameters.append(JSON.Member("since", .number(String(since)))) }
    if onSlow != .resync { parameters.append(JSON.Member("on_slow", .string(onSlow.rawValue))) }
    return BridgeRequest("subscribe", .object(parameters))
  }

  /// The request that ends this.
  public var unsubscribeRequest: BridgeRequest {
    BridgeRequest("unsubscribe", .object(keyParameters))
  }

  /// The request for the present state, without subscribing.
  public var snapshotRequest: BridgeRequest {
    BridgeRequest("snapshot", .object(keyParameters))
  }

  private var keyParameters: [JSON.Member] {
    var members = [JSON.Member("channel", .string(channel))]
    if symbols == ["*"] {
      members.append(JSON.Member("symbol", "*"))
    } else if !symbols.isEmpty {
      members.append(JSON.Member("symbol", .array(symbols.map { .string($0) })))
    }
    if let depth { members.append(JSON.Member("depth", .number(String(depth)))) }
    if let interval { members.append(JSON.Member("interval", .number(String(interval)))) }
    if let eventTrigger { members.append(JSON.Member("event_trigger", .string(eventTrigger))) }
    return members + parameters
  }
}
