// The public REST calls that third-party clients make before they subscribe, in the REST API's own names (XBT, ZUSD).

extension Exchange {
  public struct RESTAnswer: Sendable, Equatable {
    public var status: Int
    public var body: [UInt8]
    /// How long the server keeps it back, in nanoseconds.
    public var delay: Int64 = 0
    /// The connection is cut instead.
    public var isCut = false
  }

  /// `query` is the text after the question mark, or the body of a form.
  public func rest(path: String, query: String) -> RESTAnswer {
    let parameters = Self.parameters(ofForm: query)
    switch path {
    case "/0/public/Time":
      var text = Text()
      text.add("{\"unixtime\":")
      text.add(integer: now / 1_000_000_000)
      text.add(",\"rfc1123\":")
      text.add(quoted: Self.rfc1123(now))
      text.add("}")
      return success(text)
    case "/0/public/SystemStatus":
      var text = Text()
      text.add("{\"status\":")
      text.add(quoted: systemState.rawValue)
      text.add(",\"timestamp\":\"")
      text.add(time: now, fraction: 0)
      text.add("\"}")
      return success(text)
    case "/0/public/Assets": return success(assetList)
    case "/0/public/AssetPairs": return pairList(parameters["pair"])
    default: return failure("EGeneral:Unknown method")
    }
  }

  func success(_ result: Text) -> RESTAnswer {
    var text = Text()
    text.add("{\"error\":[],\"result\":")
    text += result
    text.add("}")
    return RESTAnswer(status: 200, body: text)
  }

  func failure(_ error: String) -> RESTAnswer {
    var text = Text()
    text.add("{\"error\":[")
    text.add(quoted: error)
    text.add("]}")
    return RESTAnswer(status: 200, body: text)
  }

  private var assetList: Text {
    var text = Text()
    for asset in assets {
      text.add(text.isEmpty ? "{" : ",")
      text.add(quoted: Self.restCode(asset.id))
      text.add(":{\"aclass\":\"currency\",\"altname\":")
      text.add(quoted: Self.legacyName(asset.id))
      text.add(",\"decimals\":")
      text.add(integer: asset.precision)
      text.add(",\"display_decimals\":")
      text.add(integer: asset.displayPrecision)
      text.add(",\"status\":\"enabled\"}")
    }
    text.add("}")
    return text
  }

  private func pairList(_ wanted: String?) -> RESTAnswer {
    var text = Text()
    if let wanted {
      for name in wanted.split(separator: ",").map(String.init) {
        guard let pair = pair(called: name) else { return failure("EQuery:Unknown asset pair") }
        // A pair asked for by its WebSocket name is listed under that name.
        add(pair, key: name.contains("/") ? name : Self.restPair(pair), to: &text)
      }
    } else {
      for market in markets where market.instrument.status != .delisted {
        add(market.instrument, key: Self.restPair(market.instrument), to: &text)
      }
    }
    text.add(text.isEmpty ? "{}" : "}")
    return success(text)
  }

  private func add(_ pair: Instrument, key: String, to text: inout Text) {
    text.add(text.isEmpty ? "{" : ",")
    text.add(quoted: key)
    text.add(":{\"altname\":")
    text.add(quoted: pair.legacyBase + pair.legacyQuote)
    text.add(",\"wsname\":")
    text.add(quoted: pair.legacyBase + "/" + pair.legacyQuote)
    text.add(",\"aclass_base\":\"currency\",\"base\":")
    text.add(quoted: Self.restCode(pair.base))
    text.add(",\"aclass_quote\":\"currency\",\"quote\":")
    text.add(quoted: Self.restCode(pair.quote))
    text.add(",\"lot\":\"unit\",\"cost_decimals\":")
    text.add(integer: pair.costPrecision)
    text.add(",\"pair_decimals\":")
    text.add(integer: pair.pricePrecision)
    text.add(",\"lot_decimals\":")
    text.add(integer: pair.quantityPrecision)
    text.add(",\"lot_multiplier\":1,\"leverage_buy\":[2,3],\"leverage_sell\":[2,3],\"fees\":[[0,0.4],[10000,0.35]]")
    text.add(",\"fees_maker\":[[0,0.25],[10000,0.2]],\"fee_volume_currency\":\"ZUSD\",\"margin_call\":80")
    text.add(",\"margin_stop\":40,\"ordermin\":\"")
    text.add(scaled: pair.minimumQuantity, decimals: pair.quantityPrecision)
    text.add("\",\"costmin\":\"0.5\",\"tick_size\":\"")
    text.add(scaled: 1, decimals: pair.pricePrecision)
    text.add("\",\"status\":")
    text.add(quoted: pair.status.rawValue)
    text.add("}")
  }

  // MARK: Names

  private static func legacyName(_ asset: String) -> String {
    ["BTC": "XBT", "DOGE": "XDG"][asset] ?? asset
  }

  private static let prefixes = [
    "XBT": "X", "XDG": "X", "ETH": "X", "LTC": "X", "XRP": "X", "USD": "Z", "EUR": "Z", "GBP": "Z",
  ]

  static func restCode(_ asset: String) -> String {
    let name = legacyName(asset)
    return (prefixes[name] ?? "") + name
  }

  static func restPair(_ pair: Instrument) -> String {
    // Only pairs of two old assets carry the prefixes: XXBTZUSD, but SOLUSD.
    let codes = [pair.base, pair.quote].map(restCode)
    let isOld = zip(codes, [pair.base, pair.quote]).allSatisfy { $0 != legacyName($1) }
    return isOld && pair.base != "DOGE" ? codes.joined() : pair.legacyBase + pair.legacyQuote
  }

  /// By any of its names, in any case.
  func pair(called name: String) -> Instrument? {
    markets.map(\.instrument).first { Self.names(of: $0).contains(name.uppercased()) }
  }

  private static func names(of pair: Instrument) -> [String] {
    [
      pair.symbol, pair.legacyBase + "/" + pair.legacyQuote, pair.base + pair.quote,
      pair.legacyBase + pair.legacyQuote, restPair(pair),
    ]
  }

  static func decodePercent(_ text: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let decoded = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(decoded)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func rfc1123(_ time: Int64) -> String {
    var text = Text()
    text.add(time: time, fraction: 0)
    let iso = String(decoding: text, as: UTF8.self)
    let digits = iso.split { !$0.isNumber }.map(String.init)
    let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let day = days[Int(time / 86_400_000_000_000 % 7)]
    let month = months[(Int(digits[1]) ?? 1) - 1]
    return "\(day), \(digits[2]) \(month) \(digits[0].suffix(2)) \(digits[3]):\(digits[4]):\(digits[5]) +0000"
  }
}
