// What can go wrong, by name. A fault is written as one line, the same on the command line, in a scenario file, on the
// control socket and in tests: `wrong-checksum symbol=BTC/USD count=3`.

public struct Fault: Sendable, Equatable {
  public enum Name: String, CaseIterable, Sendable {
    // The connection.
    case drop, stall, close
    case refuseConnections = "refuse-connections"
    case httpStatus = "http-status"
    // The exchange.
    case maintenance, system
    case delist
    case pairStatus = "pair-status"
    case instrumentUpdate = "instrument-update"
    case emptySide = "empty-side"
    // Answers.
    case refuseSymbol = "refuse-symbol"
    case lateAck = "late-ack"
    case missingAck = "missing-ack"
    case duplicateAck = "duplicate-ack"
    case reorderedAcks = "reordered-acks"
    case dataBeforeAck = "data-before-ack"
    case rateLimit = "rate-limit"
    case lostRequest = "lost-request"
    case refuseRequest = "refuse-request"
    // Data.
    case silence
    case heartbeatStop = "heartbeat-stop"
    case missingSnapshot = "missing-snapshot"
    case duplicateSnapshot = "duplicate-snapshot"
    case wrongChecksum = "wrong-checksum"
    case lostUpdate = "lost-update"
    case duplicateUpdate = "duplicate-update"
    case swappedUpdates = "swapped-updates"
    case crossedBook = "crossed-book"
    case strayUpdates = "stray-updates"
    case missingFields = "missing-fields"
    case exponents
    // The account.
    case sequenceGap = "sequence-gap"
    case sequenceRepeat = "sequence-repeat"
    case sequenceRestart = "sequence-restart"
    case tokenExpired = "token-expired"
    case tokenRefused = "token-refused"
    case nonceError = "nonce-error"
    case restStatus = "rest-status"
    case restError = "rest-error"
    case restDelay = "rest-delay"
    case restCut = "rest-cut"
    // Orders.
    case orderAnswerLate = "order-answer-late"
    case orderAnswerFirst = "order-answer-first"
    case orderAnswerLost = "order-answer-lost"
    case cutBeforeOrder = "cut-before-order"
    case cutAfterOrder = "cut-after-order"
    case refuseOrder = "refuse-order"
    case restate
    case otherShapes = "other-shapes"
    // Frames and text.
    case fragmentedFrames = "fragmented-frames"
    case slowFrames = "slow-frames"
    case ping
    case garbage
    case invalidUTF8 = "invalid-utf8"
    case truncatedJSON = "truncated-json"
    case binaryFrame = "binary-frame"
    case oversized
    case unknownChannel = "unknown-channel"
    case unknownMethod = "unknown-method"
    case extraFields = "extra-fields"
    case shuffledKeys = "shuffled-keys"
    case spacedJSON = "spaced-json"
  }

  public var name: Name
  /// Limits the fault to one pair, in any case.
  public var symbol: String?
  public var channel: ChannelName?
  /// Limits the fault to one connection, counted from 1 in the order of acceptance.
  public var connection: Int?
  /// How many messages, answers or attempts it touches.
  public var count: Int?
  /// How long it lasts, in nanoseconds.
  public var duration: Int64?
  /// Lateness, in nanoseconds.
  public var delay: Int64?
  /// A close code or an HTTP status.
  public var code: Int?
  /// In bytes.
  public var size: Int?
  /// A close reason, the text of garbage, a state's name, a side of the book or the form of an answer.
  public var text: String?
  /// Whether a stalled connection comes back, or a maintenance closes the connections.
  public var flag: Bool?

  public init(
    _ name: Name, symbol: String? = nil, channel: ChannelName? = nil, connection: Int? = nil, count: Int? = nil,
    duration: Int64? = nil, delay: Int64? = nil, code: Int? = nil, size: Int? = nil, text: String? = nil,
    flag: Bool? = nil
  ) {
    self.name = name
    self.symbol = symbol
    self.channel = channel
    self.connection = connection
    self.count = count
    self.duration = duration
    self.delay = delay
    self.code = code
    self.size = size
    self.text = text
    self.flag = flag
  }
}

/// A fault that stays in force: for some occasions, for some time, or both.
struct FaultRule: Sendable {
  var fault: Fault
  var remaining: Int?
  var until: Int64?

  func isActive(at now: Int64) -> Bool { until.map { now < $0 } ?? true }
}
