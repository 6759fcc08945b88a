// Reads request lines. Every refusal names what was wrong and what would be right, and keeps the `req_id`
// whenever it could be read, so that a program can tell which of its requests failed.

import JSONText

public struct RequestParser: ~Copyable {
  /// Requests are shallow; anything deeper is a mistake or an attack.
  public static let depthMax = 16
  private var json = JSONParser(maximumDepth: RequestParser.depthMax)

  public init() {}

  /// - Parameter line: one line without its LF; a CR at its end is ignored.
  /// - Returns: nil for a blank line.
  /// - Throws: `RequestFault`.
  public mutating func parse(_ line: UnsafeRawBufferPointer) throws(RequestFault) -> Request? {
    var line = line
    while let last = line.last, last == 0x0D || last == 0x20 || last == 0x09 {
      line = UnsafeRawBufferPointer(rebasing: line.dropLast())
    }
    guard let start = line.firstIndex(where: { $0 != 0x20 && $0 != 0x09 }) else { return nil }
    line = UnsafeRawBufferPointer(rebasing: line[start...])
    guard line[0] == UInt8(ascii: "{") else { return try TypedRequest.parse(line) }
    let outcome: Result<Request, RequestFault>
    do {
      outcome = try json.withDocument(line) { root in
        Result { () throws(RequestFault) in try Self.read(root) }
      }
    } catch {
      throw RequestFault(.malformed, "not a JSON object: \(error)")
    }
    return try outcome.get()
  }

  private static func read(_ root: JSONValue) throws(RequestFault) -> Request {
    var requestID: String?
    if let id = root["req_id"] {
      guard id.kind == .string || (id.kind == .number && (id.int64 != nil || id.uint64 != nil)), id.text.count <= 80
      else { throw RequestFault(.badParameter, "req_id must be an integer") }
      requestID = String(decoding: id.text, as: UTF8.self)
    }
    guard let method = root["method"] else {
      throw RequestFault(.malformed, "no \"method\" in the request", requestID: requestID)
    }
    guard let name = method.string else {
      throw RequestFault(.malformed, "\"method\" must be a string", requestID: requestID)
    }
    do throws(RequestFault) {
      for (key, _) in root.members
      where !(key.equals("method") || key.equals("params") || key.equals("req_id")) {
        throw RequestFault(
          .badParameter, "Unsupported field: '\(key.string ?? "")'; a request has method, params and req_id")
      }
      let params = root["params"]
      if let params, params.kind != .object {
        throw RequestFault(.badParameter, "\"params\" must be an object")
      }
      let method = try Self.method(name, params)
      guard case .order = method else { return Request(method, name: name, requestID: requestID) }
      return Request(method, name: name, requestID: requestID, params: params.map { Array($0.text) })
    } catch {
      var fault = error
      fault.method = name
      fault.requestID = requestID
      throw fault
    }
  }

  private static func method(_ name: String, _ params: JSONValue?) throws(RequestFault) -> Request.Method {
    switch name {
    case "subscribe", "unsubscribe", "snapshot":
      var reading = ParameterReading()
      if let params {
        for (key, value) in params.members { try reading.take(key.string ?? "", value, method: name) }
      }
      return try reading.method(name)
    default:
      if let plain = Request.plain(name) { return plain }
      throw unknownMethod(name)
    }
  }

  static func unknownMethod(_ name: String) -> RequestFault {
    let hint = Spelling.nearest(to: name, among: Request.methods).map { "; did you mean \($0)?" } ?? "; try help"
    return RequestFault(.unknownMethod, "unknown method '\(name)'\(hint)", method: name)
  }
}

/// Parameters as they are met, checked one by one and then against each other.
struct ParameterReading {
  var channel: BridgeChannel?
  var symbols: [String] = []
  var assets: [String] = []
  var depth: Int?
  var interval: Int?
  var eventTrigger: String?
  var executions: ExecutionOptions?
  var options = SubscribeOptions()

  mutating func take(_ key: String, _ value: JSONValue, method: String) throws(RequestFault) {
    switch key {
    case "channel":
      guard let name = value.string else { throw bad("channel must be a string") }
      try setChannel(name)
    case "symbol": symbols = try names(value, key).map(Spelling.currentPair)
    case "asset": assets = try names(value, key).map { Spelling.currentAsset($0) }
    case "depth": depth = try integer(value, key)
    case "interval": interval = try integer(value, key)
    case "event_trigger":
      guard let text = value.string else { throw bad("event_trigger must be \"trades\" or \"bbo\"") }
      eventTrigger = text
    case "snapshot" where method == "subscribe":
      guard let flag = value.bool else { throw bad("snapshot must be true or false") }
      options.snapshot = flag
    case "since" where method == "subscribe":
      guard let seq = value.uint64, seq < 1 << 53 else { throw bad("since must be a seq: an integer from 0 to 2^53-1") }
      options.since = seq
    case "on_slow" where method == "subscribe":
      try setOnSlow(value.string ?? "")
    case "snapshot" where method == "unsubscribe": break  // clients repeat all of their parameters
    case "token": break  // clients written for Kraken send one; the bridge has its own
    default: try takeExecutionOption(key, flag: value.bool, text: value.string)
    }
  }

  mutating func takeExecutionOption(_ key: String, flag: Bool?, text: String?) throws(RequestFault) {
    // One subscription at Kraken serves every reader.
    guard key != "users", key != "rebased" else {
      throw bad("\(key) is the same for every reader: the bridge's configuration sets it, as account.\(key)")
    }
    var options = executions ?? ExecutionOptions()
    guard let isValid = options.take(key, flag: flag, text: text) else { throw unsupported(key) }
    guard isValid else { throw bad(key == "form" ? "form must be \"raw\" or \"merged\"" : "\(key) must be true or false") }
    executions = options
  }

  func unsupported(_ key: String) -> RequestFault {
    bad(
      """
      Unsupported field: '\(key)'; known: channel, symbol, asset, depth, interval, event_trigger, snapshot, since, \
      on_slow; for executions also snap_orders, snap_trades, order_status, ratecounter, form
      """)
  }

  mutating func setChannel(_ name: String) throws(RequestFault) {
    guard let known = BridgeChannel(rawValue: name.lowercased()) else {
      let all = BridgeChannel.allCases.map(\.rawValue)
      let hint = Spelling.nearest(to: name, among: all).map { "did you mean \($0)?" }
      throw RequestFault(
        .unknownChannel, "unknown channel '\(name)'; \(hint ?? "channels: " + all.joined(separator: ", "))")
    }
    channel = known
  }

  mutating func setOnSlow(_ text: String) throws(RequestFault) {
    guard let policy = SubscribeOptions.OnSlow(rawValue: text) else {
      throw bad("on_slow must be \"resync\" or \"disconnect\"")
    }
    options.onSlow = policy
  }

  func method(_ name: String) throws(RequestFault) -> Request.Method {
    guard let channel else { throw bad("no channel given: params needs \"channel\"") }
    if channel.needsSymbol, symbols.isEmpty {
      throw bad("Symbol(s) not found: \(channel.rawValue) needs \"symbol\", an array such as [\"BTC/USD\"], or \"*\"")
    }
    guard !symbols.contains(""), !assets.contains("") else { throw bad("an empty name is no symbol") }
    if !channel.needsSymbol, channel != .instrument, !symbols.isEmpty {
      throw bad("symbol does not apply to \(channel.rawValue)")
    }
    if !assets.isEmpty, channel != .instrument { throw bad("asset applies to instrument only") }
    if executions != nil, channel != .executions {
      throw bad("snap_orders, snap_trades, order_status, ratecounter and form apply to executions only")
    }
    try check("depth", depth, channel.depths, channel)
    try check("interval", interval, channel.intervals, channel)
    try check("event_trigger", eventTrigger, channel.eventTriggers, channel)
    let topics = TopicParameters(
      channel: channel, symbols: symbols, assets: assets, depth: depth, interval: interval, eventTrigger: eventTrigger,
      executions: channel == .executions ? executions ?? ExecutionOptions() : nil)
    switch name {
    case "subscribe": return .subscribe(topics, options)
    case "unsubscribe": return .unsubscribe(topics)
    default:
      guard !topics.isEverySymbol, topics.keys.count == 1 else {
        throw bad("snapshot takes one topic: name one symbol")
      }
      return .snapshot(topics)
    }
  }

  private func check<V: Equatable & CustomStringConvertible>(
    _ key: String, _ value: V?, _ allowed: [V], _ channel: BridgeChannel
  ) throws(RequestFault) {
    guard let value, !allowed.contains(value) else { return }
    guard !allowed.isEmpty else { throw bad("\(key) does not apply to \(channel.rawValue)") }
    let list = allowed.map(\.description).joined(separator: ", ")
    throw bad("\(key) \(value) is not supported; \(channel.rawValue) takes \(list)")
  }

  private func names(_ value: JSONValue, _ key: String) throws(RequestFault) -> [String] {
    if let one = value.string { return [one] }
    guard value.kind == .array else { throw bad("\(key) must be an array of strings, or one string") }
    var names: [String] = []
    for element in value.elements {
      guard let name = element.string else { throw bad("\(key) must be an array of strings") }
      names.append(name)
    }
    guard !names.isEmpty else { throw bad("\(key) is empty") }
    guard names.count == 1 || !names.contains("*") else { throw bad("\"*\" stands alone in \(key)") }
    return names
  }

  private func integer(_ value: JSONValue, _ key: String) throws(RequestFault) -> Int {
    guard let number = value.int64, let int = Int(exactly: number) else { throw bad("\(key) must be an integer") }
    return int
  }

  func bad(_ message: String) -> RequestFault { RequestFault(.badParameter, message) }
}

extension TopicParameters {
  /// The same checks for subscriptions that a configuration names.
  ///
  /// - Throws: `RequestFault`, naming the parameter and what it may be.
  public init(
    checkedChannel name: String, symbols: [String], depth: Int? = nil, interval: Int? = nil,
    eventTrigger: String? = nil
  ) throws(RequestFault) {
    var reading = ParameterReading()
    try reading.setChannel(name)
    reading.symbols = symbols.map(Spelling.currentPair)
    reading.depth = depth
    reading.interval = interval
    reading.eventTrigger = eventTrigger
    guard case .unsubscribe(let parameters) = try reading.method("unsubscribe") else {
      throw reading.bad("not a topic")
    }
    self = parameters
  }
}
