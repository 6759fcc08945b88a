// A whole bridge and a simulated exchange in one thread, with a clock that is only counted up. First the two talk until
// everything wanted is live and enough messages were sent; from then on messages are handed to the bridge alone.

import BridgeCore
import FanOut
import KrakenSession
import KrakenWire
import MarketData
import SimulatedExchange

final class BridgeRig {
  private let channel: String
  private let symbols: [String]
  private var exchange: Exchange
  private let bridge: Bridge
  private var connections: [UpstreamName: Exchange.ConnectionID] = [:]
  private var trader: ScriptedTrader?
  private var transport = CountingTransport()
  private var now = Moment(monotonic: 1_000_000_000_000, wall: 1_790_000_000_000_000_000)
  private var recording: [[UInt8]]?
  private var fault: String?
  /// Time that passes between two looks at the exchange while messages are made.
  private let stride: Int64
  private let messagesPerTurn: Int
  private var messagesInTurn = 0

  /// - Parameter channel: as in `MessageSet.channels`: a depth may follow its name.
  init(channel name: String, readers: Int, messagesPerTurn: Int) {
    let words = name.split(separator: "-")
    channel = String(words[0])
    let depth = words.count > 1 ? Int(words[1]) : nil
    self.messagesPerTurn = messagesPerTurn
    var exchangeConfiguration = ExchangeConfiguration()
    let isOfOrders = channel == "executions" || channel == "balances"
    // Orders take their time, or Kraken's rate limits refuse them.
    exchangeConfiguration.updatesPerSecond = isOfOrders ? 1 : 2000
    stride = isOfOrders ? 1_250_000_000 : 500_000
    exchangeConfiguration.snapshotLatency = 1_000_000
    exchange = Exchange(configuration: exchangeConfiguration, seed: 1, now: now.wall)
    symbols = exchange.instruments.prefix(depth == nil ? 12 : 1).map(\.symbol)
    let isAccount = isOfOrders || channel == "level3"
    let topics = PinnedSubscription(
      channel: channel, symbols: isOfOrders ? [] : symbols, depth: depth)
    let listener = ListenerPolicy(
      name: "readers", allowsAccount: isAccount, preset: .topics([topics]),
      lag: LagLimits(bytes: .max, duration: .seconds(3600)))
    var configuration = BridgeConfiguration(
      version: "1", pid: 1, publicURL: "", session: SessionConfiguration(), listeners: [listener], pins: [topics],
      ownUID: 0, budget: AttemptBudget())
    configuration.hasCredentials = isAccount
    bridge = Bridge(configuration: configuration, seed: 1, now: now)
    bridge.start(now: now)
    for _ in 0..<readers {
      _ = bridge.subscriberConnected(listener: 0, peer: Peer(uid: 1, gid: 1, pid: 1), now: now)
    }
  }

  var linesPublished: Int { Int(bridge.savedState.seq) }
  var bytesDelivered: Int { transport.bytes }

  // MARK: Measured

  /// One message. Turns end as they do in the daemon when that many messages are read from the socket at once.
  func take(_ message: UnsafeRawBufferPointer) {
    now.monotonic += 10_000
    now.wall += 10_000
    bridge.upstreamReceived(upstream, text: message, now: now)
    messagesInTurn += 1
    if messagesInTurn == messagesPerTurn { endTurn() }
  }

  func endTurn() {
    messagesInTurn = 0
    bridge.endTurn(now: now, transport: &transport)
    for action in bridge.takeActions() { note(action) }
    _ = bridge.nextDeadline
  }

  private var upstream: UpstreamName {
    switch channel {
    case "executions", "balances": .private
    case "level3": .level3
    default: .public
    }
  }

  /// A bridge that is right has nothing to complain of in these messages.
  private func note(_ action: BridgeAction) {
    guard case .log(let record) = action, record.level == .warning || record.level == .error else { return }
    fault = fault ?? record.message
  }

  func judge() throws(BenchmarkFault) {
    if let fault { throw .failed("the bridge complains: \(fault)") }
  }

  // MARK: Recording

  /// Runs until everything is live and the channel has sent `size` messages, and returns them.
  func record(_ size: Int) throws(BenchmarkFault) -> [[UInt8]] {
    recording = []
    var steps = 0
    while recording!.count < size || !isLive {
      steps += 1
      guard steps < 200_000 else {
        throw .failed("no more than \(recording!.count) messages came; \(bridge.statusLine(now: now))")
      }
      step()
      try judge()
    }
    defer { recording = nil }
    return Array(recording!.prefix(max(size, 1)))
  }

  private var isLive: Bool {
    let topics = bridge.liveTopics
    return topics.all > 0 && topics.live == topics.all
  }

  private func step() {
    now.monotonic += stride
    now.wall += stride
    exchange.advance(to: now.wall)
    if isLive || trader != nil { trade() }
    for (id, output) in exchange.takeOutput() {
      guard let name = connections.first(where: { $0.value == id })?.key, case .text(let text) = output else { continue }
      if recording != nil, isOfChannel(text) { recording!.append(text) }
      text.withUnsafeBytes { bridge.upstreamReceived(name, text: $0, now: now) }
    }
    if let deadline = bridge.nextDeadline, deadline <= now.monotonic { bridge.deadlineReached(now: now) }
    bridge.endTurn(now: now, transport: &transport)
    for action in bridge.takeActions() { perform(action) }
  }

  private func perform(_ action: BridgeAction) {
    switch action {
    case .openTransport(let name):
      let endpoint: Exchange.Endpoint =
        switch name {
        case .public: .publicV2
        case .private: .privateV2
        case .level3: .level3
        }
      connections[name] = exchange.connect(endpoint, now: now.wall)
      bridge.upstreamOpened(name, now: now)
    case .send(let name, let text): exchange.receive(text, from: connections[name]!, now: now.wall)
    case .requestToken(let name):
      var token = exchange.issueToken()
      let secret = token.withUTF8 { Secret(UnsafeRawBufferPointer($0)) }
      bridge.tokenArrived(name, .token(secret), now: now)
    default: note(action)
    }
  }

  /// Data of the channel, not the answer to its subscription.
  private func isOfChannel(_ text: [UInt8]) -> Bool {
    let words = String(decoding: text, as: UTF8.self)
    let name = channel == "spread" ? "ticker" : channel
    return words.contains("\"channel\":\"\(name)\"") && !words.contains("\"method\":")
  }

  /// What does not happen in a market by itself.
  private func trade() {
    switch channel {
    case "executions", "balances":
      if trader == nil { trader = ScriptedTrader(exchange.connect(.privateV2, now: now.wall)) }
      trader!.act(on: &exchange, now: now.wall)
    case "instrument": _ = exchange.control("instrument-update symbol=\(symbols[Int(now.wall / stride) % symbols.count])")
    default: break
    }
  }
}

/// An account's owner who places orders and cancels them, and now and then buys or sells at the market.
private struct ScriptedTrader {
  private let connection: Exchange.ConnectionID
  private var count = 0

  init(_ connection: Exchange.ConnectionID) { self.connection = connection }

  mutating func act(on exchange: inout Exchange, now: Int64) {
    count += 1
    let order = count / 2
    let (side, price) = order % 8 < 4 ? ("buy", 20_000) : ("sell", 200_000)
    let (method, params) =
      if count % 2 == 1 {
        ("cancel_order", "\"cl_ord_id\":[\"bench-\(order)\"]")
      } else if order % 4 == 0 {
        ("add_order", "\"order_type\":\"market\",\"side\":\"\(side)\",\"symbol\":\"BTC/USD\",\"order_qty\":0.01")
      } else {
        ("add_order", """
          "order_type":"limit","side":"\(side)","symbol":"BTC/USD","limit_price":\(price),"order_qty":0.01,\
          "cl_ord_id":"bench-\(order)"
          """)
      }
    // A token is good for fifteen minutes only.
    let text = """
      {"method":"\(method)","params":{\(params),"token":"\(exchange.issueToken())"},"req_id":\(count)}
      """
    exchange.receive(Array(text.utf8), from: connection, now: now)
  }
}

/// Readers whose sockets take everything and cost nothing.
private struct CountingTransport: SubscriberTransport {
  private(set) var bytes = 0

  mutating func write(_ id: SubscriberID, _ text: UnsafeRawBufferPointer) -> WriteOutcome {
    bytes += text.count
    return .wrote(text.count)
  }

  mutating func park(_ id: SubscriberID, _ remainder: UnsafeRawBufferPointer) {}
  mutating func close(_ id: SubscriberID) {}
}
