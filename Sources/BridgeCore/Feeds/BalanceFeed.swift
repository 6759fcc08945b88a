// What the account holds: the snapshot's entries, kept current by the ledger lines that follow.
//
// A ledger line tells what one wallet holds after it. The total of an asset in several wallets is their sum, made of the
// digits, never through binary fractions. Where entries name their `user`, each user's holdings stand for themselves.

import JSONText
import KrakenWire
import MarketData

final class BalanceFeed: Feed {
  fileprivate struct Wallet {
    var type: [UInt8]
    var id: [UInt8]
    var balance: [UInt8]
  }

  fileprivate struct Asset {
    var name: [UInt8]
    /// Whose it is; nil where Kraken does not say.
    var user: [UInt8]?
    var assetClass: [UInt8]?
    var balance: [UInt8]
    var wallets: [Wallet]
  }

  private var assets: [Asset] = []

  override func begin(isPartial: Bool) {
    super.begin(isPartial: isPartial)
    assets.removeAll()
  }

  func take(_ item: JSONValue, isSnapshot: Bool) {
    guard let name = item["asset"], let balance = item["balance"] else { return }
    setTime(item["timestamp"])
    let user = item["user"].map { Array($0.text) }
    if user != nil, !isSnapshot { dropUnnamed(name) }
    let index = assets.firstIndex { $0.name.elementsEqual(name.text) && $0.user == user } ?? assets.endIndex
    if index == assets.endIndex {
      assets.append(
        Asset(name: Array(name.text), user: user, assetClass: nil, balance: Array(balance.text), wallets: []))
    }
    if let assetClass = item["asset_class"] { assets[index].assetClass = Array(assetClass.text) }
    if isSnapshot {
      assets[index].balance = Array(balance.text)
      assets[index].wallets = item["wallets"]?.elements.map { Wallet($0) } ?? []
    } else {
      assets[index].take(Array(balance.text), type: item["wallet_type"], id: item["wallet_id"])
    }
  }

  /// What was told of an asset without naming users can not be kept current by lines that name them.
  private func dropUnnamed(_ name: JSONValue) {
    guard let index = assets.firstIndex(where: { $0.name.elementsEqual(name.text) && $0.user == nil }) else { return }
    assets.remove(at: index)
    isPartial = true
  }

  override func writeState(of topic: Topic, into line: inout JSONBytes) {
    line.append("[")
    for (index, asset) in assets.enumerated() {
      line.append(index == 0 ? "{\"asset\":" : ",{\"asset\":")
      asset.name.withUnsafeBytes { line.append(bytes: $0) }
      if let user = asset.user {
        line.append(",\"user\":")
        user.withUnsafeBytes { line.append(bytes: $0) }
      }
      if let assetClass = asset.assetClass {
        line.append(",\"asset_class\":")
        assetClass.withUnsafeBytes { line.append(bytes: $0) }
      }
      line.append(",\"balance\":")
      asset.balance.withUnsafeBytes { line.append(bytes: $0) }
      line.append(",\"wallets\":[")
      for (index, wallet) in asset.wallets.enumerated() {
        line.append(index == 0 ? "{\"type\":" : ",{\"type\":")
        wallet.type.withUnsafeBytes { line.append(bytes: $0) }
        line.append(",\"id\":")
        wallet.id.withUnsafeBytes { line.append(bytes: $0) }
        line.append(",\"balance\":")
        wallet.balance.withUnsafeBytes { line.append(bytes: $0) }
        line.append("}")
      }
      line.append("]}")
    }
    line.append("]")
  }
}

extension BalanceFeed.Wallet {
  fileprivate init(_ value: JSONValue) {
    func text(_ name: StaticString) -> [UInt8] { value[name].map { Array($0.text) } ?? Array("null".utf8) }
    self.init(type: text("type"), id: text("id"), balance: text("balance"))
  }
}

extension BalanceFeed.Asset {
  fileprivate mutating func take(_ balance: [UInt8], type: JSONValue?, id: JSONValue?) {
    guard let type, let id else {
      self.balance = balance
      return
    }
    if let index = wallets.firstIndex(where: { $0.type.elementsEqual(type.text) && $0.id.elementsEqual(id.text) }) {
      wallets[index].balance = balance
    } else {
      wallets.append(.init(type: Array(type.text), id: Array(id.text), balance: balance))
    }
    self.balance = wallets.count == 1 ? balance : DecimalSum.text(of: wallets.map(\.balance)) ?? balance
  }
}

/// Adds decimal numbers digit by digit.
enum DecimalSum {
  /// - Returns: nil when one of them is no plain decimal (an exponent, say) or has more digits than fit.
  static func text(of numbers: [[UInt8]]) -> [UInt8]? {
    var parts: [(digits: Int128, decimals: Int)] = []
    for number in numbers {
      guard let part = parse(number) else { return nil }
      parts.append(part)
    }
    let decimals = parts.map(\.decimals).max() ?? 0
    var sum: Int128 = 0
    for part in parts {
      var scaled = part.digits
      for _ in part.decimals..<decimals {
        let (product, overflow) = scaled.multipliedReportingOverflow(by: 10)
        guard !overflow else { return nil }
        scaled = product
      }
      let (total, overflow) = sum.addingReportingOverflow(scaled)
      guard !overflow else { return nil }
      sum = total
    }
    var digits = String(sum.magnitude)
    if digits.count <= decimals { digits = String(repeating: "0", count: decimals + 1 - digits.count) + digits }
    if decimals > 0 { digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -decimals)) }
    return Array(((sum < 0 ? "-" : "") + digits).utf8)
  }

  private static func parse(_ number: [UInt8]) -> (digits: Int128, decimals: Int)? {
    var digits: Int128 = 0
    var decimals: Int?
    let isNegative = number.first == UInt8(ascii: "-")
    guard number.count > (isNegative ? 1 : 0), number.count < 36 else { return nil }
    for byte in number.dropFirst(isNegative ? 1 : 0) {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        digits = digits * 10 + Int128(byte - UInt8(ascii: "0"))
        decimals = decimals.map { $0 + 1 }
      case UInt8(ascii: ".") where decimals == nil: decimals = 0
      default: return nil
      }
    }
    return (isNegative ? -digits : digits, decimals ?? 0)
  }
}
