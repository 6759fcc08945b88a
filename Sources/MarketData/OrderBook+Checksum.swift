// Kraken's checksum: the tokens of the ten best asks, then of the ten best bids, through CRC-32.
//
// Every level keeps the CRC of its own tokens once they are computed, so the usual message costs
// tokens for what it changed and a table step for each of twenty levels.

extension OrderBook {
  /// Levels of each side that count.
  static let checksumDepth = 10

  /// From the literals as sent; nil when a number is absurdly long.
  mutating func computeChecksum() -> UInt32? {
    let tables = CRC32Tables.shared
    guard let asks = asks.join(0xFFFF_FFFF, tables, precision) else { return nil }
    return bids.join(asks, tables, precision).map(~)
  }

  /// With the zeros that a sender may have dropped; nil when the precision is not known. Slow, for the rare case.
  func paddedChecksum() -> UInt32? {
    guard let precision else { return nil }
    var token = TokenCRC(.shared, register: 0xFFFF_FFFF)
    for ladder in [asks, bids] {
      for n in 0..<min(Self.checksumDepth, ladder.count) {
        token.append(ladder[n], precision: precision)
      }
    }
    return ~token.register
  }
}

extension Ladder<Level> {
  /// The register after the levels that count; nil when a token is absurdly long.
  fileprivate mutating func join(_ register: UInt32, _ tables: CRC32Tables, _ precision: BookPrecision?) -> UInt32? {
    withBest(OrderBook.checksumDepth) { levels in
      var register = register
      var index = levels.count
      while index > 0 {
        index &-= 1
        guard let next = levels[index].join(register, tables, precision) else { return nil }
        register = next
      }
      return register
    }
  }
}
