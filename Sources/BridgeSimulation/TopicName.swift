// Topics as the judge names them: read off lines and requests, never taken from the bridge.

struct TopicName: Hashable {
  enum Channel: String, CaseIterable { case ticker, spread, book, trade, ohlc, instrument, status }

  var channel: Channel
  /// A pair, or an asset; empty for `status`.
  var symbol = ""
  var isAsset = false
  /// Depth or interval; 0 where there is none.
  var parameter = 0
  var isBBO = false

  init(_ channel: Channel, _ symbol: String = "", parameter: Int? = nil, isBBO: Bool = false, isAsset: Bool = false) {
    self.channel = channel
    self.symbol = symbol
    self.isAsset = isAsset
    self.parameter = parameter ?? (channel == .book ? 10 : channel == .ohlc ? 1 : 0)
    self.isBBO = isBBO
  }

  /// From an object that has the keys of a topic: an event line, an answer's result, an entry of `stale`.
  init?(_ object: WireValue) {
    guard let channel = object["channel"]?.string.flatMap(Channel.init(rawValue:)) else { return nil }
    self.init(
      channel, object["symbol"]?.string ?? object["asset"]?.string ?? "",
      parameter: object["depth"]?.int ?? object["interval"]?.int,
      isBBO: object["event_trigger"]?.isEqual(to: "bbo") ?? false, isAsset: object["asset"] != nil)
  }
}

extension TopicName: CustomStringConvertible {
  var description: String {
    channel.rawValue + (symbol.isEmpty ? "" : " " + symbol) + (parameter == 0 ? "" : " \(parameter)")
      + (isBBO ? " bbo" : "")
  }
}

/// What Kraken must be asked for so that a topic lives.
struct UpstreamName: Hashable, CustomStringConvertible {
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
    default: self.init(topic.channel, topic.symbol, parameter: topic.parameter, isBBO: topic.isBBO)
    }
  }

  /// As the exchange describes its subscriptions.
  var description: String {
    channel.rawValue + (symbol.isEmpty ? "" : " " + symbol) + (parameter == 0 ? "" : " \(parameter)")
      + (isBBO ? " bbo" : "")
  }
}
