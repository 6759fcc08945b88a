// What the bridge says, one value per line. The envelope is read at once; the data of an event only
// when somebody looks at it, since many programs only pass lines on.

import JSONText

/// One line from the bridge.
public enum BridgeMessage: Sendable, Equatable {
  /// The first line of every connection.
  case hello(Hello)
  /// The answer to a request.
  case answer(Answer)
  /// Something that happened to one topic, or an order's next stage.
  case event(Event)
  /// An upstream changed its state.
  case state(UpstreamState)
  /// Topics stopped being live. Each that can come back continues with a snapshot.
  case stale(Stale)
  /// This reader missed lines.
  case gap(Gap)
  /// The bridge closes this connection.
  case goodbye(Goodbye)
  /// A line of a kind that a later version of the bridge may send.
  case other(RawLine)

  /// The line as it came, without its LF.
  public var line: RawLine {
    switch self {
    case .hello(let hello): hello.line
    case .answer(let answer): answer.line
    case .event(let event): event.line
    case .state(let state): state.line
    case .stale(let stale): stale.line
    case .gap(let gap): gap.line
    case .goodbye(let goodbye): goodbye.line
    case .other(let line): line
    }
  }

  /// The number that the bridge gave this line, for lines that have one.
  public var seq: UInt64? {
    switch self {
    case .hello(let hello): hello.seq
    case .event(let event): event.seq
    case .state(let state): state.seq
    case .stale(let stale): stale.seq
    case .gap(let gap): gap.seq
    case .answer, .goodbye, .other: nil
    }
  }
}

/// A line exactly as received, without its LF.
public struct RawLine: Sendable, Hashable, CustomStringConvertible {
  public var bytes: [UInt8]

  public init(_ bytes: [UInt8]) { self.bytes = bytes }
  public init(_ text: String) { bytes = Array(text.utf8) }

  public var description: String { String(decoding: bytes, as: UTF8.self) }

  /// The whole line as a value; `null` when it is not JSON.
  public var json: JSON { JSON(parsing: bytes) ?? .null }
}

/// The first line: who is there, and in which state.
public struct Hello: Sendable, Equatable {
  public var line: RawLine
  /// The last number given out: usable as `since`.
  public var seq: UInt64
  public var version: String
  public var protocolVersion: Int
  /// What this listener permits: `market`, `account`, `trade`.
  public var scope: [String]
  /// State by upstream name (`public`, `private`, `level3`), in the bridge's order.
  public var upstreams: [(name: String, state: String)] {
    line.json["data"]?["upstreams"]?.members.map { ($0.name, $0.value.plainText) } ?? []
  }
}

/// The answer to a request, for one symbol where the request named symbols.
public struct Answer: Sendable, Equatable {
  public var line: RawLine
  public var method: String
  public var success: Bool
  public var requestID: UInt64?
  /// The symbol this answer is about.
  public var symbol: String?
  /// The bridge's stable word for a failure, for example `unknown_symbol`.
  public var code: String?
  /// The text of a failure: Kraken's where Kraken refused.
  public var error: String?

  /// What was asked for, or what was subscribed to.
  public var result: JSON { line.json["result"] ?? .null }

  /// The text of `result` exactly as received; empty when there is none.
  public var resultText: [UInt8] {
    var parser = JSONParser()
    let text = try? parser.withDocument(line.bytes) { root in root["result"].map { Array($0.text) } }
    return (text ?? nil) ?? []
  }

  /// This answer, or its failure as an error.
  public func orThrow() throws(BridgeError) -> Answer {
    if success { return self }
    let subject = symbol.map { " \($0)" } ?? ""
    let reason = error ?? code ?? "no reason given"
    throw BridgeError(.refused(code: code ?? "internal"), "\(method)\(subject) refused: \(reason)")
  }
}

/// What makes a topic: a channel and the parameters that belong to its key.
public struct Topic: Sendable, Hashable, CustomStringConvertible {
  public var channel: String
  public var symbol: String?
  /// An asset of the `instrument` channel, which has one topic per asset too.
  public var asset: String?
  /// Levels of a book.
  public var depth: Int?
  /// Minutes of a candle.
  public var interval: Int?
  /// `bbo` or `trades`, for a ticker.
  public var eventTrigger: String?

  public init(
    channel: String, symbol: String? = nil, asset: String? = nil, depth: Int? = nil, interval: Int? = nil,
    eventTrigger: String? = nil
  ) {
    self.channel = channel
    self.symbol = symbol
    self.asset = asset
    self.depth = depth
    self.interval = interval
    self.eventTrigger = eventTrigger
  }

  public var description: String {
    var words = [channel]
    words += [symbol, asset].compactMap { $0 }
    if let depth { words.append("depth=\(depth)") }
    if let interval { words.append("interval=\(interval)") }
    if let eventTrigger { words.append("event_trigger=\(eventTrigger)") }
    return words.joined(separator: " ")
  }
}

/// One thing that happened to one topic.
public struct Event: Sendable, Equatable {
  public enum Kind: Sendable, Hashable {
    /// The whole present state; replaces everything earlier of its topic.
    case snapshot
    case update
    case other(String)
  }

  public var line: RawLine
  public var topic: Topic
  public var kind: Kind
  /// A snapshot of what has come so far, not of all there is: the account's configuration keeps Kraken from telling.
  public var isPartial = false
  /// Strictly increasing over the whole bridge; the largest one seen is what to give as `since`.
  public var seq: UInt64
  /// The `seq` of the line before in the same topic; absent on a snapshot.
  public var previous: UInt64?
  /// Kraken's timestamp, RFC 3339, if it gave one.
  public var time: String?
  /// When the bridge read it, RFC 3339 with nanoseconds.
  public var received: String?

  public var channel: String { topic.channel }
  public var symbol: String? { topic.symbol }

  /// What happened: one object in an update; an object or an array in a snapshot. Read from the line at every use.
  public var data: JSON { line.json["data"] ?? .null }
}

/// An upstream's new state.
public struct UpstreamState: Sendable, Equatable {
  public var line: RawLine
  public var seq: UInt64?
  /// `public`, `private` or `level3`.
  public var upstream: String
  /// `connecting`, `online`, `offline`, `maintenance`, `cancel_only` or `post_only`.
  public var state: String
  public var reason: String?
  public var attempt: Int?
  /// Seconds until the next attempt, as the bridge wrote them.
  public var retryInSeconds: String?
}

/// Topics that are not live any more.
public struct Stale: Sendable, Equatable {
  public var line: RawLine
  public var seq: UInt64?
  /// `upstream_lost`, `silent`, `checksum`, `sequence`, `crossed` or `refused`.
  public var reason: String
  public var upstream: String?
  /// The topics concerned; `nil` for every topic of the upstream.
  public var topics: [Topic]?

  /// Whether this concerns the topic. Keys that the notice leaves out match everything.
  public func concerns(_ topic: Topic) -> Bool {
    guard let topics else { return true }
    return topics.contains { stale in
      stale.channel == topic.channel
        && (stale.symbol == nil || stale.symbol == topic.symbol)
        && (stale.asset == nil || stale.asset == topic.asset)
        && (stale.depth == nil || topic.depth == nil || stale.depth == topic.depth)
        && (stale.interval == nil || topic.interval == nil || stale.interval == topic.interval)
        && (stale.eventTrigger == nil || topic.eventTrigger == nil || stale.eventTrigger == topic.eventTrigger)
    }
  }
}

/// Lines that this reader missed.
public struct Gap: Sendable, Equatable {
  public var line: RawLine
  public var seq: UInt64?
  /// `slow_reader`, `upstream_lost`, `resume_expired` or `restart`.
  public var reason: String
  public var from: UInt64?
  public var to: UInt64?
  /// How many lines, when known.
  public var dropped: UInt64?
}

/// The last line of a connection.
public struct Goodbye: Sendable, Equatable {
  public var line: RawLine
  /// `shutdown`, `slow_reader`, `protocol` or `limit`.
  public var reason: String
}
