// Events as CSV. The columns are fixed by the channel before the first row is written, because a
// CSV file has one heading; a line that holds several things (trades, levels) becomes several rows.

import KrakenBridgeClient

struct EventCSV {
  let channel: String
  private let fields: [String]

  private static let envelope = ["channel", "type", "symbol", "seq", "prev", "time", "received"]

  /// - Parameter sample: an event of the channel, which tells the columns of channels not listed here.
  init(channel: String, sample: Event? = nil) {
    self.channel = channel
    switch channel {
    case "ticker":
      fields = [
        "bid", "bid_qty", "ask", "ask_qty", "last", "volume", "vwap", "low", "high", "change", "change_pct", "trades",
      ]
    case "spread": fields = ["bid", "bid_qty", "ask", "ask_qty"]
    case "trade": fields = ["side", "price", "qty", "ord_type", "trade_id"]
    case "book": fields = ["side", "price", "qty", "checksum"]
    case "level3": fields = ["side", "event", "order_id", "limit_price", "order_qty", "checksum"]
    case "ohlc": fields = ["interval_begin", "open", "high", "low", "close", "vwap", "volume", "trades"]
    default:
      fields = sample.map { Self.items($0).first?.members.map(\.name) ?? [] } ?? []
    }
  }

  /// Whether the columns of this channel are known without having seen an event.
  static func isKnown(_ channel: String) -> Bool {
    ["ticker", "spread", "trade", "book", "level3", "ohlc"].contains(channel)
  }

  var heading: String { Table.csvLine(Self.envelope + fields) }

  func rows(_ event: Event) -> [String] {
    let kind =
      switch event.kind {
      case .snapshot: "snapshot"
      case .update: "update"
      case .other(let word): word
      }
    let common = [
      event.channel, kind, event.symbol ?? event.topic.asset ?? "", String(event.seq), event.previous.map { String($0) } ?? "",
      event.time ?? "", event.received ?? "",
    ]
    return Self.items(event).map { item in
      Table.csvLine(common + fields.map { item[$0]?.plainText ?? "" })
    }
  }

  /// The single things an event holds.
  private static func items(_ event: Event) -> [JSON] {
    let data = event.data
    if case .array(let elements) = data { return elements }
    guard event.channel == "book" || event.channel == "level3" else { return [data] }
    return [("bids", "bid"), ("asks", "ask")].flatMap { key, side in
      (data[key]?.elements ?? []).map { level in
        var members = [JSON.Member("side", .string(side))] + level.members
        if let checksum = data["checksum"] { members.append(JSON.Member("checksum", checksum)) }
        return JSON.object(members)
      }
    }
  }
}
