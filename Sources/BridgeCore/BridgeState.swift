// The bridge between two processes: what a restart must not lose, as a value and as bytes.
//
// Topics and connections are named as the fan-out's state names them, by index and by slot. What Kraken sent is not
// carried over: it is of the past, and readers are told so; fresh snapshots replace it.

import BridgeWire
import FanOut
import Trading

public struct BridgeState: Sendable {
  struct SavedTopic: Sendable {
    var key: TopicKey
    var id: TopicID
    var createdAfter: UInt64
    var lines: UInt64
    var lastReceivedWall: Int64
  }

  struct SavedConnection: Sendable {
    var id: SubscriberID
    /// The listener's name, since its index may change with the configuration.
    var listener: String
    var peer: Peer
    var connectedAt: Int64
    var input: [UInt8]
    var isHalfClosed: Bool
    var isClosing: Bool
    var followsEverything: Bool
    var explicit: [UInt32]
    var wildcards: [TopicParameters]
    var orderStream: TopicID?
  }

  /// Raised with every change of the format.
  static let version: UInt64 = 3
  private static let magic = Array("kraken-bridge state ".utf8)

  public var fanOut: FanOutState
  var topics: [SavedTopic]
  var connections: [SavedConnection]
  var orders: [SavedOrder]
  var holds: [SavedHold]

  /// Whether it was made at an orderly stop, and so is certain.
  public var isCertain: Bool { fanOut.hasLines }
  /// The connections it knows, with the peer each had.
  public var connected: [SubscriberID: Peer] {
    Dictionary(connections.map { ($0.id, $0.peer) }, uniquingKeysWith: { first, _ in first })
  }

  init(
    fanOut: FanOutState, topics: [SavedTopic], connections: [SavedConnection], orders: [SavedOrder] = [],
    holds: [SavedHold] = []
  ) {
    self.orders = orders
    self.holds = holds
    self.fanOut = fanOut
    self.topics = topics
    self.connections = connections
  }

  // MARK: Bytes

  public var bytes: [UInt8] {
    var writer = StateWriter()
    writer.write(bytes: Self.magic)
    writer.write(Self.version)
    fanOut.write(to: &writer)
    writer.write(list: topics) { writer, topic in
      writer.write(topic.key.channel.rawValue)
      writer.write(topic.key.name)
      writer.write(topic.key.isAsset)
      writer.write(optional: topic.key.depth)
      writer.write(optional: topic.key.interval)
      writer.write(topic.key.eventTrigger ?? "")
      writer.write(optional: topic.key.executions?.bits)
      writer.write(topic.id.index)
      writer.write(topic.createdAfter)
      writer.write(topic.lines)
      writer.write(signed: topic.lastReceivedWall)
    }
    writer.write(list: connections) { writer, connection in
      writer.write(connection.id.slot)
      writer.write(connection.id.generation)
      writer.write(connection.listener)
      writer.write(connection.peer.uid)
      writer.write(connection.peer.gid)
      writer.write(signed: Int64(connection.peer.pid))
      writer.write(signed: connection.connectedAt)
      writer.write(bytes: connection.input)
      writer.write(connection.isHalfClosed)
      writer.write(connection.isClosing)
      writer.write(connection.followsEverything)
      writer.write(list: connection.explicit) { $0.write($1) }
      writer.write(list: connection.wildcards) { writer, topics in
        writer.write(topics.channel.rawValue)
        writer.write(list: topics.symbols) { $0.write($1) }
        writer.write(list: topics.assets) { $0.write($1) }
        writer.write(optional: topics.depth)
        writer.write(optional: topics.interval)
        writer.write(topics.eventTrigger ?? "")
      }
      writer.write(optional: connection.orderStream.map { Int($0.index) })
    }
    writer.write(list: orders) { $0.write($1) }
    writer.write(list: holds) { $0.write($1) }
    return writer.bytes
  }

  /// - Throws: when this is no state, one of another version, or one that contradicts itself.
  public init(_ bytes: [UInt8]) throws(StateFault) {
    var reader = StateReader(bytes)
    guard try reader.byteString() == Self.magic, try reader.number() == Self.version else { throw StateFault() }
    fanOut = try FanOutState(from: &reader)
    topics = try reader.list { (reader) throws(StateFault) in
      SavedTopic(
        key: TopicKey(
          try reader.channel(), try reader.text(), isAsset: try reader.flag(), depth: try reader.optionalInt(),
          interval: try reader.optionalInt(), eventTrigger: try reader.optionalText(),
          executions: try reader.optionalInt().map { ExecutionOptions(bits: $0) }),
        id: TopicID(index: try reader.number(UInt32.self)), createdAfter: try reader.number(),
        lines: try reader.number(), lastReceivedWall: try reader.signed())
    }
    connections = try reader.list { (reader) throws(StateFault) in
      SavedConnection(
        id: SubscriberID(slot: try reader.number(UInt32.self), generation: try reader.number(UInt32.self)),
        listener: try reader.text(),
        peer: Peer(
          uid: try reader.number(UInt32.self), gid: try reader.number(UInt32.self),
          pid: Int32(truncatingIfNeeded: try reader.signed())),
        connectedAt: try reader.signed(), input: try reader.byteString(), isHalfClosed: try reader.flag(),
        isClosing: try reader.flag(), followsEverything: try reader.flag(),
        explicit: try reader.list { (reader) throws(StateFault) in try reader.number(UInt32.self) },
        wildcards: try reader.list { (reader) throws(StateFault) in
          TopicParameters(
            channel: try reader.channel(),
            symbols: try reader.list { (reader) throws(StateFault) in try reader.text() },
            assets: try reader.list { (reader) throws(StateFault) in try reader.text() },
            depth: try reader.optionalInt(), interval: try reader.optionalInt(),
            eventTrigger: try reader.optionalText())
        },
        orderStream: try reader.orderStream())
    }
    orders = try reader.list { (reader) throws(StateFault) in try reader.order() }
    holds = try reader.list { (reader) throws(StateFault) in try reader.hold() }
    guard reader.isAtEnd, isSound else { throw StateFault() }
  }

  /// Whether topics and connections are those of the fan-out, each once.
  private var isSound: Bool {
    let indexes = Set(topics.map(\.id.index))
    return indexes.count == topics.count && Set(topics.map(\.key)).count == topics.count
      && topics.allSatisfy { fanOut.isLive($0.id) }
      && Set(connections.map(\.id)) == Set(fanOut.connected) && connections.count == fanOut.connected.count
      && connections.allSatisfy { connection in
        connection.explicit.allSatisfy(indexes.contains)
          && connection.orderStream.map { fanOut.isLive($0) && !indexes.contains($0.index) } != false
      }
  }
}

extension StateWriter {
  fileprivate mutating func write(optional number: Int?) { write(number.map { UInt64($0) }) }
}

extension StateReader {
  fileprivate mutating func channel() throws(StateFault) -> BridgeChannel {
    guard let channel = BridgeChannel(rawValue: try text()) else { throw StateFault() }
    return channel
  }

  fileprivate mutating func optionalInt() throws(StateFault) -> Int? {
    guard let number = try optional() else { return nil }
    guard let number = Int(exactly: number) else { throw StateFault() }
    return number
  }

  fileprivate mutating func orderStream() throws(StateFault) -> TopicID? {
    guard let index = try optionalInt() else { return nil }
    guard let index = UInt32(exactly: index) else { throw StateFault() }
    return TopicID(index: index)
  }

  fileprivate mutating func optionalText() throws(StateFault) -> String? {
    let text = try text()
    return text.isEmpty ? nil : text
  }
}
