// Topics as the judge names them: read off lines and requests, never taken from the bridge.

import BridgeCore

/// A connection between bridge and exchange.
typealias LinkName = UpstreamName

struct TopicName: Hashable {
  enum Channel: String {
    case ticker, spread, book, trade, ohlc, instrument, status
    // The account's.
    case executions, balances, level3
    case openOrders = "open_orders"
    case ownTrades = "own_trades"
  }

  /// Parameters of `executions` other than the default.
  struct Form: OptionSet, Hashable {
    var rawValue: UInt8
    static let merged = Form(rawValue: 1)
    static let withoutOrders = Form(rawValue: 2)
    static let withFills = Form(rawValue: 4)
    static let milestonesOnly = Form(rawValue: 8)
    static let withRate = Form(rawValue: 16)
  }

  var channel: Channel
  /// A pair, or an asset; empty for `status`.
  var symbol = ""
  var isAsset = false
  /// Depth or interval; 0 where there is none.
  var parameter = 0
  var isBBO = false
  var form: Form = []

  init(
    _ channel: Channel, _ symbol: String = "", parameter: Int? = nil, isBBO: Bool = false, isAsset: Bool = false,
    form: Form = []
  ) {
    self.channel = channel
    self.symbol = symbol
    self.isAsset = isAsset
    self.form = form
    self.parameter = parameter ?? (channel == .book || channel == .level3 ? 10 : channel == .ohlc ? 1 : 0)
    self.isBBO = isBBO
  }

  /// From an object that has the keys of a topic: an event line, an answer's result, an entry of `stale`.
  init?(_ object: WireValue) {
    guard let channel = object["channel"]?.string.flatMap(Channel.init(rawValue:)) else { return nil }
    guard channel.link != .private else {
      // Lines about one order name its pair; the topic is one for the whole account.
      self.init(channel, form: Form(object))
      return
    }
    self.init(
      channel, object["symbol"]?.string ?? object["asset"]?.string ?? "",
      parameter: object["depth"]?.int ?? object["interval"]?.int,
      isBBO: object["event_trigger"]?.isEqual(to: "bbo") ?? false, isAsset: object["asset"] != nil)
  }
}

extension TopicName.Channel {
  /// The connection it lives from.
  var link: LinkName {
    switch self {
    case .executions, .balances, .openOrders, .ownTrades: .private
    case .level3: .level3
    default: .public
    }
  }
}

extension TopicName.Channel {
  /// One subscription of a symbol serves every depth.
  var hasDepth: Bool { self == .book || self == .level3 }
}

extension TopicName.Form {
  init(_ object: WireValue) {
    self = []
    if object["form"]?.isEqual(to: "merged") ?? false { insert(.merged) }
    if object["snap_orders"]?.isEqual(to: "false") ?? false { insert(.withoutOrders) }
    if object["snap_trades"]?.isTrue ?? false { insert(.withFills) }
    if object["order_status"]?.isEqual(to: "false") ?? false { insert(.milestonesOnly) }
    if object["ratecounter"]?.isTrue ?? false { insert(.withRate) }
  }

  /// As parameters of a request, each with a comma before it.
  var text: String {
    (contains(.merged) ? ",\"form\":\"merged\"" : "") + (contains(.withoutOrders) ? ",\"snap_orders\":false" : "")
      + (contains(.withFills) ? ",\"snap_trades\":true" : "")
      + (contains(.milestonesOnly) ? ",\"order_status\":false" : "") + (contains(.withRate) ? ",\"ratecounter\":true" : "")
  }
}

extension TopicName: CustomStringConvertible {
  var description: String {
    channel.rawValue + (symbol.isEmpty ? "" : " " + symbol) + (parameter == 0 ? "" : " \(parameter)")
      + (isBBO ? " bbo" : "") + form.text
  }
}

/// What Kraken must be asked for so that a topic lives.
struct UpstreamTopicName: Hashable, CustomStringConvertible {
  var channel: TopicName.Channel
  var symbol: String
  var parameter: Int
  var isBBO: Bool

  init(_ channel: TopicName.Channel, _ symbol: String, parameter: Int = 0, isBBO: Bool = false) {
    self.channel = channel
    self.symbol = symbol
    self.parameter = parameter
    self.isBBO = isBBO
  }

  /// Nil for what Kraken sends by itself.
  init?(_ topic: TopicName) {
    switch topic.channel {
    case .status: return nil
    case .instrument: self.init(.instrument, "")
    case .spread: self.init(.ticker, topic.symbol, isBBO: true)
    case .executions, .openOrders, .ownTrades: self.init(.executions, "")
    default: self.init(topic.channel, topic.symbol, parameter: topic.parameter, isBBO: topic.isBBO)
    }
  }

  /// As the exchange describes its subscriptions.
  var description: String {
    channel.rawValue + (symbol.isEmpty ? "" : " " + symbol) + (parameter == 0 ? "" : " \(parameter)")
      + (isBBO ? " bbo" : "")
  }
}
