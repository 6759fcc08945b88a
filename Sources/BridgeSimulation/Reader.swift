// One program that reads from the bridge, with its manners.

final class Reader {
  enum Manner: CaseIterable {
    case steady, slow, pausing, halfClosing, quitting, flooding, storming, resuming, fickle, deep, wildcard
    case everything, strict, preset
  }

  /// What it may do and wants; its manner is how it goes about it.
  enum Role { case market, follower, trader }

  let index: Int
  let manner: Manner
  let role: Role
  let model: ReaderModel
  var socket: SimulatedSocket?
  /// What it wants to follow, as long as it lives.
  var wants: [TopicName] = []
  var wildcards: [ReaderModel.Wildcard] = []
  /// Whether it goes on where it was when it comes back.
  let keepsMemory: Bool
  /// When it reads again.
  var stoppedUntil: Int64 = 0
  /// Bytes it takes at once, and how long it waits before it looks again.
  var readBytes = 65536
  var readPause: Int64 = 0
  var hasAsked = false
  /// What it is going to ask for, request by request.
  var later: [[TopicName]] = []
  var connectPlanned = false
  /// Changes with each connection, so that plans for an earlier one are void.
  var generation = 0

  init(
    index: Int, manner: Manner, role: Role = .market, archive: LineArchive, register: OrderRegister? = nil,
    keepsMemory: Bool, resumesByTopic: Bool = false
  ) {
    self.index = index
    self.manner = manner
    self.role = role
    self.keepsMemory = keepsMemory
    let kind = role == .market ? "reader" : "\(role)"
    model = ReaderModel(
      name: "\(kind) \(index) (\(manner))", archive: archive, register: role == .trader ? register : nil,
      resumesByTopic: resumesByTopic)
    model.seesAccount = role != .market
  }

  var listener: Int {
    switch manner {
    case _ where role == .trader: SimulationPlan.tradeListener
    case _ where role == .follower: SimulationPlan.accountListener
    case .everything: SimulationPlan.feedListener
    case .preset: SimulationPlan.presetListener
    case .strict: 1
    default: 0
    }
  }

  /// Everything it should see live when all is well, as far as it can be named.
  var expected: [TopicName] { wants + (manner == .preset ? SimulationPlan.presetTopics : []) }
}

/// Requests as text.
enum RequestText {
  static func topics(
    _ method: String, _ topics: [TopicName], id: Int, snapshot: Bool = true, since: UInt64? = nil,
    disconnects: Bool = false, alone: Bool = false
  ) -> String {
    let first = topics[0]
    var text = "{\"method\":\"\(method)\",\"params\":{\"channel\":\"\(first.channel.rawValue)\""
    if first.isAsset {
      text += ",\"asset\":[\"\(first.symbol)\"]"
    } else if !first.symbol.isEmpty {
      let symbols = topics.map { "\"\($0.symbol)\"" }.joined(separator: ",")
      text += alone ? ",\"symbol\":\(symbols)" : ",\"symbol\":[\(symbols)]"
    }
    text += parameter(first.channel, first.parameter)
    if first.isBBO { text += ",\"event_trigger\":\"bbo\"" }
    text += first.form.text
    if !snapshot { text += ",\"snapshot\":false" }
    if let since { text += ",\"since\":\(since)" }
    if disconnects { text += ",\"on_slow\":\"disconnect\"" }
    return text + "},\"req_id\":\(id)}\n"
  }

  static func wildcard(_ method: String, _ wildcard: ReaderModel.Wildcard, id: Int) -> String {
    "{\"method\":\"\(method)\",\"params\":{\"channel\":\"\(wildcard.channel.rawValue)\",\"symbol\":\"*\""
      + (wildcard.parameter.map { parameter(wildcard.channel, $0) } ?? "") + "},\"req_id\":\(id)}\n"
  }

  static func plain(_ method: String, id: Int) -> String { "{\"method\":\"\(method)\",\"req_id\":\(id)}\n" }

  private static func parameter(_ channel: TopicName.Channel, _ value: Int) -> String {
    switch channel {
    case .book, .level3: ",\"depth\":\(value)"
    case .ohlc: ",\"interval\":\(value)"
    default: ""
    }
  }
}
