// A scenario file: settings and faults, one a line.
//
//     # comments and empty lines are skipped
//     set seed=42 symbols=50 rate=20
//     @5 drop
//     wrong-checksum symbol=BTC/USD at=10 every=30
//     {"fault":"silence","symbol":"ETH/USD","at":20,"duration":"15s"}

public struct Scenario: Sendable {
  public var exchange = ExchangeConfiguration()
  public var seed: UInt64?
  public var faults: [ScheduledFault] = []

  public init() {}

  public init(parsing text: String) throws(ScenarioError) {
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      do {
        try read(line.trimmed)
      } catch {
        throw ScenarioError("line \(index + 1): \(error.description)")
      }
    }
  }

  private mutating func read(_ line: Substring) throws(ScenarioError) {
    if line.isEmpty || line.hasPrefix("#") { return }
    if line.hasPrefix("{") {
      faults.append(try Self.fault(json: line))
    } else if line == "set" || line.hasPrefix("set ") {
      for word in line.split(separator: " ").dropFirst() { try set(word) }
    } else {
      faults.append(try ScheduledFault(parsing: String(line)))
    }
  }

  private static func fault(json: Substring) throws(ScenarioError) -> ScheduledFault {
    guard let members = JSONValue(Array(json.utf8))?.members else { throw ScenarioError("not a JSON object") }
    var name: String?
    var pairs: [(key: String, value: String)] = []
    for member in members {
      let value: String
      switch member.value {
      case .string(let text), .number(let text): value = text
      case .bool(let flag): value = flag ? "true" : "false"
      default: throw ScenarioError("'\(member.key)' must be a string, a number, true or false")
      }
      if member.key == "fault" { name = value } else { pairs.append((member.key, value)) }
    }
    guard let name else { throw ScenarioError("the key 'fault' is missing") }
    return try ScheduledFault(name: name, pairs: pairs)
  }

  /// One setting as `key=value`.
  public mutating func set(_ word: some StringProtocol) throws(ScenarioError) {
    let parts = word.split(separator: "=", maxSplits: 1)
    guard parts.count == 2 else { throw ScenarioError("'\(word)' is not of the form key=value") }
    let value = Substring(parts[1])
    switch parts[0] {
    case "seed":
      guard let number = UInt64(value) else { throw ScenarioError("seed must be a whole number") }
      seed = number
    case "symbols": exchange.symbolCount = try Self.number(value, 1...2000, "symbols")
    case "rate":
      guard let rate = Double(value), rate >= 0, rate <= 100_000 else {
        throw ScenarioError("rate must be a number of updates per second, at most 100000")
      }
      exchange.updatesPerSecond = rate
    case "candles": exchange.candleHistory = try Self.number(value, 1...720, "candles")
    case "ack-delay": exchange.acknowledgementLatency = try nanoseconds(value)
    case "snapshot-delay": exchange.snapshotLatency = try nanoseconds(value)
    case "resubscribe-delay": exchange.resubscribedSnapshotLatency = try nanoseconds(value)
    case "idle-timeout": exchange.idleTimeout = try nanoseconds(value)
    case "heartbeat": exchange.heartbeatInterval = max(1_000_000, try nanoseconds(value))
    case "order-delay": exchange.orderLatency = try nanoseconds(value)
    case "answer-delay": exchange.answerLatency = try nanoseconds(value)
    case "report-delay": exchange.reportLatency = try nanoseconds(value)
    case "tier":
      guard let tier = AccountTier(rawValue: String(value)) else {
        throw ScenarioError("tier is \(AccountTier.allCases.map(\.rawValue).joined(separator: ", ")), not '\(value)'")
      }
      exchange.accountTier = tier
    case "request-rate": exchange.requestsPerSecond = Double(try Self.number(value, 1...1_000_000, "request-rate"))
    case "request-burst": exchange.requestBurst = try Self.number(value, 1...1_000_000, "request-burst")
    case "connection-limit":
      exchange.connectionsPerTenMinutes = try Self.number(value, 1...1_000_000, "connection-limit")
    default: throw ScenarioError("unknown setting '\(parts[0])'; there are: \(Self.settings.joined(separator: ", "))")
    }
  }

  public static let settings = [
    "seed", "symbols", "rate", "candles", "ack-delay", "snapshot-delay", "resubscribe-delay", "idle-timeout",
    "heartbeat", "request-rate", "request-burst", "connection-limit", "order-delay", "answer-delay", "report-delay",
    "tier",
  ]

  private static func number(
    _ text: Substring, _ range: ClosedRange<Int>, _ name: String
  ) throws(ScenarioError) -> Int {
    guard let number = Int(text), range.contains(number) else {
      throw ScenarioError("\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }
}

extension Substring {
  fileprivate var trimmed: Substring {
    var text = drop { $0.isWhitespace }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
