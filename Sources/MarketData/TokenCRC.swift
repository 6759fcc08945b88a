// The checksum's tokens: of each literal the digits, without the point and without leading zeros.

struct TokenCRC {
    private let tables: CRC32Tables
    private(set) var register: UInt32
    private(set) var length = 0

    @inline(__always)
    init(_ tables: CRC32Tables, register: UInt32 = 0) {
        self.tables = tables
        self.register = register
    }

    /// A literal as sent, in `text[range]`. False at anything but digits and points.
    @inline(__always)
    mutating func append(_ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
        var significant: UInt8 = 0
        for index in range {
            let byte = text[index]
            let digit = byte &- UInt8(ascii: "0")
            guard digit <= 9 else {
                guard byte == UInt8(ascii: ".") else { return false }
                continue
            }
            significant |= digit
            guard significant != 0 else { continue }
            register = tables.step(register, byte)
            length &+= 1
        }
        return true
    }

    /// Both literals of a level with the decimals the pair has.
    mutating func append(_ level: Level, precision: BookPrecision?) {
        level.withTexts { price, qty in
            append(price, decimals: precision?.price)
            append(qty, decimals: precision?.qty)
        }
    }

    /// Any literal, exponents included, with zeros added up to `decimals` places when it has fewer.
    mutating func append(_ literal: UnsafeRawBufferPointer, decimals: Int?) {
        guard let number = DecimalText(literal), !number.isZero else { return }
        _ = append(number.digits, 0..<number.digits.count)
        let zeros = max(decimals ?? 0, 0) - number.decimals
        guard zeros > 0 else { return }
        // Nobody means a number longer than a level can hold; the caller refuses it by its length.
        for _ in 0..<min(zeros, Level.textBytesMax + 1) {
            register = tables.step(register, UInt8(ascii: "0"))
            length += 1
        }
    }
}
