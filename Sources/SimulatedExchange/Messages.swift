// Answers, heartbeats and status: everything that is not about one market. Answers and errors list their keys in
// alphabetical order, as the live ones do.

struct Answer {
  var method: String
  var requestID: String?
  var receivedAt: Int64
  var sentAt: Int64

  private func addTimes(to text: inout Text) {
    text.add(",\"time_in\":\"")
    text.add(time: receivedAt)
    text.add("\",\"time_out\":\"")
    text.add(time: sentAt)
    text.add("\"}")
  }

  private func addRequestID(to text: inout Text) {
    guard let requestID else { return }
    text.add(",\"req_id\":")
    text.add(requestID)
  }

  /// `result` is a finished JSON object.
  func success(_ result: Text) -> Text {
    var text = Text()
    text.add("{\"method\":")
    text.add(quoted: method)
    addRequestID(to: &text)
    text.add(",\"result\":")
    text += result
    text.add(",\"success\":true")
    addTimes(to: &text)
    return text
  }

  /// An answer that has another key where `result` should be.
  func success(key: StaticString, _ value: Text) -> Text {
    var text = Text()
    text.add("{\"method\":")
    text.add(quoted: method)
    text.add(",\"")
    text.add(key)
    text.add("\":")
    text += value
    addRequestID(to: &text)
    text.add(",\"success\":true")
    addTimes(to: &text)
    return text
  }

  func failure(_ error: String, symbol: String? = nil) -> Text {
    var text = Text()
    text.add("{\"error\":")
    text.add(quoted: error)
    text.add(",\"method\":")
    text.add(quoted: method)
    addRequestID(to: &text)
    // What has to do with sessions and tokens says so twice.
    if error.hasPrefix("ESession:") || error.hasPrefix("EAPI:") { text.add(",\"status\":\"error\"") }
    text.add(",\"success\":false")
    if let symbol {
      text.add(",\"symbol\":")
      text.add(quoted: symbol)
    }
    addTimes(to: &text)
    return text
  }

  /// Level 3 snapshots have a rate of their own, and a refusal with a channel at its top.
  func snapshotRefusal(symbol: String) -> Text {
    let error = "Rate limit for snapshot requests exceeded, when trying to subscribe to \(symbol) level3 snapshot"
    var text = Text("{\"channel\":\"level3\",\"error\":".utf8)
    text.add(quoted: error)
    text.add(",\"method\":")
    text.add(quoted: method)
    addRequestID(to: &text)
    text.add(",\"status\":\"error\",\"success\":false")
    addTimes(to: &text)
    return text
  }

  /// Three shapes of it have been seen.
  func rateRefusal(form: String?) -> Text {
    let error = "Exceeded msg rate"
    guard form == "bare" || form == "v1" else { return failure(error) }
    guard form == "v1" else { return Text("{\"Error\":\"\(error)\"}".utf8) }
    let number = requestID.map { ",\"reqid\":\($0)" } ?? ""
    return Text("{\"event\":\"error\",\"errorMessage\":\"\(error)\"\(number)}".utf8)
  }

  func pong() -> Text {
    var text = Text()
    text.add("{\"method\":\"pong\"")
    addRequestID(to: &text)
    addTimes(to: &text)
    return text
  }
}

enum Messages {
  static let heartbeat = Text(#"{"channel":"heartbeat"}"#.utf8)

  static func status(_ system: SystemState, of connection: Connection) -> Text {
    var text = Text()
    if connection.sortsKeys {
      text.add(#"{"channel":"status","data":[{"api_version":"v2","connection_id":"#)
      text.add(digits: connection.number, atLeast: 1)
      text.add(#","system":""#)
      text.add(system.rawValue)
      text.add(#"","version":"2.0.10"}],"type":"update"}"#)
    } else {
      text.add(#"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":""#)
      text.add(system.rawValue)
      text.add(#"","api_version":"v2","connection_id":"#)
      text.add(digits: connection.number, atLeast: 1)
      text.add("}]}")
    }
    return text
  }

  static func instruments(_ type: Market.MessageType, pairs: [Instrument], assets: [Asset]) -> Text {
    var text = Text()
    type.open("instrument", in: &text)
    text.add("\"data\":{\"assets\":[")
    for (index, asset) in assets.enumerated() {
      if index > 0 { text.append(UInt8(ascii: ",")) }
      add(asset, to: &text)
    }
    text.add("],\"pairs\":[")
    for (index, pair) in pairs.enumerated() {
      if index > 0 { text.append(UInt8(ascii: ",")) }
      add(pair, to: &text)
    }
    text.add("]}}")
    return text
  }

  private static func add(_ asset: Asset, to text: inout Text) {
    text.add("{\"id\":")
    text.add(quoted: asset.id)
    text.add(",\"status\":\"enabled\",\"precision\":")
    text.add(integer: asset.precision)
    text.add(",\"precision_display\":")
    text.add(integer: asset.displayPrecision)
    text.add(",\"borrowable\":")
    text.add(asset.isBorrowable ? "true" : "false" as StaticString)
    text.add(",\"collateral_value\":1.0,\"class\":\"currency\"")
    if asset.isBorrowable { text.add(",\"margin_rate\":0.015") }
    text.add("}")
  }

  private static func add(_ pair: Instrument, to text: inout Text) {
    text.add("{\"symbol\":")
    text.add(quoted: pair.symbol)
    text.add(",\"base\":")
    text.add(quoted: pair.base)
    text.add(",\"quote\":")
    text.add(quoted: pair.quote)
    text.add(",\"status\":")
    text.add(quoted: pair.status.rawValue)
    text.add(",\"qty_precision\":")
    text.add(integer: pair.quantityPrecision)
    text.add(",\"qty_increment\":")
    text.add(shortest: 1, decimals: pair.quantityPrecision)
    text.add(",\"price_precision\":")
    text.add(integer: pair.pricePrecision)
    text.add(",\"cost_precision\":")
    text.add(integer: pair.costPrecision)
    text.add(",\"marginable\":")
    text.add(pair.isMarginable ? "true" : "false" as StaticString)
    text.add(",\"has_index\":false,\"ws_display_price_precision\":")
    text.add(integer: pair.pricePrecision)
    text.add(pair.quote == "BTC" ? ",\"cost_min\":2e-05" : ",\"cost_min\":0.5")
    if pair.isMarginable {
      text.add(",\"margin_initial\":0.1,\"position_limit_long\":350,\"position_limit_short\":250")
    }
    text.add(",\"tick_size\":")
    text.add(shortest: 1, decimals: pair.pricePrecision)
    text.add(",\"price_increment\":")
    text.add(shortest: 1, decimals: pair.pricePrecision)
    text.add(",\"qty_min\":")
    text.add(shortest: pair.minimumQuantity, decimals: pair.quantityPrecision)
    text.add("}")
  }
}

/// State of the matching engine.
public enum SystemState: String, Sendable, CaseIterable {
  case online, maintenance
  case cancelOnly = "cancel_only"
  case postOnly = "post_only"
}
