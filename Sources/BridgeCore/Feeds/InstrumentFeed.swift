// Kraken's reference data: every pair and asset, kept as Kraken wrote it.
//
// The bridge always holds it. It is how a misspelt symbol is recognised before Kraken is asked, and where a reader's
// `btc/usd` becomes `BTC/USD`.

import BridgeWire
import JSONText
import KrakenWire
import MarketData

final class InstrumentFeed: Feed {
  struct Record {
    var bytes: [UInt8]
    var status: String
    /// Decimals of prices and quantities; pairs only.
    var precision: BookPrecision?
  }

  private(set) var pairs: [String: Record] = [:]
  private(set) var assets: [String: Record] = [:]
  /// Kraken's spelling by upper-cased name.
  private var spelling: [String: String] = [:]
  var isKnown: Bool { !pairs.isEmpty }

  /// What one message changed.
  struct Changes {
    var pairs: [String] = []
    var assets: [String] = []
  }

  func take(_ data: JSONValue, isSnapshot: Bool) -> Changes {
    if isSnapshot {
      pairs.removeAll(keepingCapacity: true)
      assets.removeAll(keepingCapacity: true)
      spelling.removeAll(keepingCapacity: true)
    }
    var changes = Changes()
    if let list = data["assets"] {
      for asset in list.elements {
        guard let id = asset["id"]?.string else { continue }
        assets[id] = Record(bytes: Array(asset.text), status: asset["status"]?.string ?? "")
        changes.assets.append(id)
      }
    }
    if let list = data["pairs"] {
      for pair in list.elements {
        guard let symbol = pair["symbol"]?.string else { continue }
        pairs[symbol] = Record(pair)
        spelling[symbol.uppercased()] = symbol
        changes.pairs.append(symbol)
      }
    }
    return changes
  }

  /// Kraken's spelling of a pair in any case; nil when there is no such pair.
  func canonical(_ symbol: String) -> String? { pairs[symbol] != nil ? symbol : spelling[symbol.uppercased()] }

  func record(of topic: TopicKey) -> Record? { topic.isAsset ? assets[topic.name] : pairs[topic.name] }

  override func writeState(of topic: Topic, into line: inout JSONBytes) {
    record(of: topic.key)?.bytes.withUnsafeBytes { line.append(bytes: $0) }
  }
}

extension InstrumentFeed.Record {
  fileprivate init(_ pair: JSONValue) {
    var bytes = JSONBytes(reserving: pair.text.count)
    bytes.append(item: pair, except: isSymbolKey)
    self.bytes = bytes.bytes
    status = pair["status"]?.string ?? ""
    if let price = pair["price_precision"]?.int64, let qty = pair["qty_precision"]?.int64,
      let price = Int(exactly: price), let qty = Int(exactly: qty)
    {
      precision = BookPrecision(price: price, qty: qty)
    }
  }
}
