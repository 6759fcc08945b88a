// What we say to Kraken, encoded.
//
// Every request carries a req_id, because answers are matched by it. Parameters that have a default
// at Kraken are sent all the same: its documents and its servers do not always agree on defaults.
//
//   {"method":"subscribe","params":{"channel":"book","symbol":["BTC/USD"],"depth":10,"snapshot":true},"req_id":2}

import JSONText

public enum KrakenRequest {
  /// - Parameters:
  ///   - symbols: left out when empty, as for `instrument`.
  ///   - account: counts for `executions` and `balances`.
  ///   - token: for private channels; never logged.
  public static func subscribe(
    channel: KrakenChannel, symbols: [String], depth: Int? = nil, interval: Int? = nil,
    trigger: EventTrigger? = nil, snapshot: Bool = true, account: AccountParameters = AccountParameters(),
    token: Secret? = nil, reqID: UInt64
  ) -> [UInt8] {
    encode(
      "subscribe", channel: channel, symbols: symbols, depth: depth, interval: interval, trigger: trigger,
      snapshot: snapshot, account: account, token: token, reqID: reqID)
  }

  /// Repeats the key parameters: at Kraken a missing one means its default.
  public static func unsubscribe(
    channel: KrakenChannel, symbols: [String], depth: Int? = nil, interval: Int? = nil,
    trigger: EventTrigger? = nil, token: Secret? = nil, reqID: UInt64
  ) -> [UInt8] {
    encode(
      "unsubscribe", channel: channel, symbols: symbols, depth: depth, interval: interval, trigger: trigger,
      snapshot: nil, account: AccountParameters(), token: token, reqID: reqID)
  }

  public static func ping(reqID: UInt64) -> [UInt8] {
    var json = JSONBytes(reserving: 48)
    json.append(#"{"method":"ping","req_id":"#)
    json.append(reqID)
    json.append("}")
    return json.bytes
  }

  private static func encode(
    _ method: StaticString, channel: KrakenChannel, symbols: [String], depth: Int?, interval: Int?,
    trigger: EventTrigger?, snapshot: Bool?, account: AccountParameters, token: Secret?, reqID: UInt64
  ) -> [UInt8] {
    var json = JSONBytes(reserving: 160 + symbols.count * 16)
    json.append(#"{"method":""#)
    json.append(method)
    json.append(#"","params":{"channel":""#)
    json.append(channel.wireName)
    json.append("\"")
    if !symbols.isEmpty {
      json.append(#","symbol":"#)
      var separator: StaticString = "["
      for symbol in symbols {
        json.append(separator)
        json.append(quoted: symbol)
        separator = ","
      }
      json.append("]")
    }
    if let depth {
      json.append(#","depth":"#)
      json.append(depth)
    }
    if let interval {
      json.append(#","interval":"#)
      json.append(interval)
    }
    if let trigger {
      json.append(#","event_trigger":"#)
      json.append(quoted: trigger.rawValue)
    }
    if let snapshot {
      if channel == .executions {
        // Everything there is, so that whatever a subscriber asks for can be made of it.
        json.append(#","snap_orders":true,"snap_trades":true,"order_status":true,"ratecounter":true"#)
      } else {
        json.append(snapshot ? #","snapshot":true"# : #","snapshot":false"#)
      }
    }
    if channel == .executions || channel == .balances {
      if !account.isRebased { json.append(#","rebased":false"#) }
      if account.coversAllUsers { json.append(#","users":"all""#) }
    }
    if let token {
      json.append(#","token":""#)
      // Sound: Kraken's tokens are letters, digits, `+` and `/`; whoever hands one in checks that nothing needs escaping.
      token.withUnsafeBytes { json.append(bytes: $0) }
      json.append("\"")
    }
    json.append(#"},"req_id":"#)
    json.append(reqID)
    json.append("}")
    return json.bytes
  }
}
