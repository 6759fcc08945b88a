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
        var register: UInt32 = 0xFFFF_FFFF
        guard asks.join(&register, tables, precision), bids.join(&register, tables, precision) else { return nil }
        return ~register
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
    @inline(__always)
    fileprivate mutating func join(_ register: inout UInt32, _ tables: CRC32Tables, _ precision: BookPrecision?) -> Bool
    {
        withBest(OrderBook.checksumDepth) { levels in
            for index in levels.indices.reversed() {
                guard levels[index].join(&register, tables, precision) else { return false }
            }
            return true
        }
    }
}
