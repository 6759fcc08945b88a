// The present state of one recorded topic, built from its lines, so that a reader who comes late to
// a replay gets a snapshot as the bridge would give it.

import KrakenBridgeClient

struct TopicState: Sendable {
  /// As many as Kraken's own snapshots hold.
  private static let tradesMax = 50
  private static let candlesMax = 720

  let topic: Topic
  private var seq: UInt64 = 0
  private var received: String?
  private var data: JSON = .null
  private var ladder = Ladder()

  init(topic: Topic) {
    self.topic = topic
  }

  mutating func apply(_ event: Event) {
    seq = event.seq
    received = event.received
    let new = event.data
    if topic.channel == "book" { ladder.apply(event) }
    guard event.kind == .update else {
      data = new
      return
    }
    switch topic.channel {
    case "trade", "own_trades":
      data = .array((data.elements + [item(new, of: event)]).suffix(Self.tradesMax))
    case "ohlc":
      var candles = data.elements
      if let last = candles.last, last["interval_begin"] == new["interval_begin"] { candles.removeLast() }
      data = .array((candles + [new]).suffix(Self.candlesMax))
    default:
      // An update of a value names what changed; for a book this keeps the newest checksum.
      var members = data.members
      for member in new.members {
        if let index = members.firstIndex(where: { $0.name == member.name }) { members[index] = member } else { members.append(member) }
      }
      data = .object(members)
    }
  }

  /// In a snapshot every trade carries its own time, which an update has in its envelope.
  private func item(_ data: JSON, of event: Event) -> JSON {
    guard let time = event.time, data["timestamp"] == nil else { return data }
    return .object(data.members + [JSON.Member("timestamp", .string(time))])
  }

  /// The snapshot line; it bears the `seq` of the last line it includes.
  var snapshotLine: [UInt8] {
    var members = [JSON.Member("channel", .string(topic.channel)), JSON.Member("type", "snapshot")]
    members += topic.keyMembers.dropFirst()
    members.append(JSON.Member("seq", .number(String(seq))))
    if let received { members.append(JSON.Member("received", .string(received))) }
    members.append(JSON.Member("data", topic.channel == "book" ? book : data))
    return JSON.object(members).bytes
  }

  private var book: JSON {
    func levels(_ side: [Ladder.Level]) -> JSON {
      .array(side.map { ["price": .number($0.priceText), "qty": .number($0.qtyText)] })
    }
    var members = [JSON.Member("bids", levels(ladder.bids)), JSON.Member("asks", levels(ladder.asks))]
    if let checksum = data["checksum"] { members.append(JSON.Member("checksum", checksum)) }
    return .object(members)
  }
}

extension Topic {
  /// The topic's own keys, as an envelope, an answer or `stale` has them.
  var keyMembers: [JSON.Member] {
    var members = [JSON.Member("channel", .string(channel))]
    if let symbol { members.append(JSON.Member("symbol", .string(symbol))) }
    if let asset { members.append(JSON.Member("asset", .string(asset))) }
    if let depth { members.append(JSON.Member("depth", .number(String(depth)))) }
    if let interval { members.append(JSON.Member("interval", .number(String(interval)))) }
    if let eventTrigger { members.append(JSON.Member("event_trigger", .string(eventTrigger))) }
    return members
  }
}
