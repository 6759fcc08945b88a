// A number literal kept inline exactly as it was received.
//
// For the places that keep a number beyond its message (last values, limits, precisions): no
// allocation, no conversion, and comparison by value where needed.

public struct NumberText: Sendable {
    public static let byteCountMax = 31

    private var words: InlineArray<4, UInt64> = .init(repeating: 0)

    /// Nil unless the bytes are a JSON number of at most 31 bytes (and with an exponent of at most a million).
    public init?(_ text: UnsafeRawBufferPointer) {
        guard text.count <= Self.byteCountMax, let base = text.baseAddress, Self.isNumber(text) else { return nil }
        withUnsafeMutableBytes(of: &words) { words in
            words.copyMemory(from: UnsafeRawBufferPointer(start: base, count: text.count))
            words[Self.byteCountMax] = UInt8(text.count)
        }
    }

    public init?(_ string: String) {
        var string = string
        guard let number = string.withUTF8({ NumberText(UnsafeRawBufferPointer($0)) }) else { return nil }
        self = number
    }

    @inline(__always)
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        var words = words
        return try withUnsafePointer(to: &words) { (pointer) throws(E) in
            let bytes = UnsafeRawPointer(pointer)
            let count = Int(bytes.load(fromByteOffset: Self.byteCountMax, as: UInt8.self))
            return try body(UnsafeRawBufferPointer(start: bytes, count: count))
        }
    }

    public var isZero: Bool { withUnsafeBytes { Magnitude($0).digitCount == 0 } }
    public var isNegative: Bool { !isZero && withUnsafeBytes { $0[0] == UInt8(ascii: "-") } }

    /// -1, 0 or 1 as this number is less than, equal to or greater than the other, by value and exactly:
    /// `1e-08` equals `0.00000001`.
    public func compare(_ other: NumberText) -> Int {
        guard isNegative == other.isNegative else { return isNegative ? -1 : 1 }
        let order = withUnsafeBytes { mine in other.withUnsafeBytes { Magnitude(mine).compare(Magnitude($0)) } }
        return isNegative ? -order : order
    }
}

/// Equality is of the literals, byte for byte; `compare` is by value.
extension NumberText: Hashable {
    public static func == (a: NumberText, b: NumberText) -> Bool {
        a.words[0] == b.words[0] && a.words[1] == b.words[1] && a.words[2] == b.words[2] && a.words[3] == b.words[3]
    }

    public func hash(into hasher: inout Hasher) {
        for index in words.indices { hasher.combine(words[index]) }
    }
}

extension NumberText: CustomStringConvertible {
    public var description: String { withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
}

extension NumberText {
    private static func isNumber(_ text: UnsafeRawBufferPointer) -> Bool {
        let digits = text.first == UInt8(ascii: "-") ? UnsafeRawBufferPointer(rebasing: text.dropFirst()) : text
        guard let number = DecimalText(digits) else { return false }
        return digits[0] != UInt8(ascii: "0") || number.pointIndex == 1 || number.digits.count == 1
    }

    /// A literal without its sign as significant digits and the power of ten of the first one.
    private struct Magnitude {
        let digits: UnsafeRawBufferPointer
        /// From the first digit that is not zero up to the last, the point not counted.
        let digitCount: Int
        let firstIndex: Int
        let power: Int

        init(_ text: UnsafeRawBufferPointer) {
            let unsigned = text[0] == UInt8(ascii: "-") ? UnsafeRawBufferPointer(rebasing: text.dropFirst()) : text
            // Sound: a NumberText has been checked when it was made.
            let number = DecimalText(unsigned)!
            digits = number.digits
            func isSignificant(_ byte: UInt8) -> Bool { byte > UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
            guard let first = digits.firstIndex(where: isSignificant), let last = digits.lastIndex(where: isSignificant)
            else {
                (firstIndex, digitCount, power) = (0, 0, 0)
                return
            }
            firstIndex = first
            let point = number.pointIndex
            digitCount = last - first + 1 - (first < point && point < last ? 1 : 0)
            power = number.exponent + (first < point ? point - first - 1 : point - first)
        }

        func compare(_ other: Magnitude) -> Int {
            guard digitCount > 0, other.digitCount > 0 else {
                return (digitCount > 0 ? 1 : 0) - (other.digitCount > 0 ? 1 : 0)
            }
            guard power == other.power else { return power < other.power ? -1 : 1 }
            var (i, j) = (firstIndex, other.firstIndex)
            for n in 0..<max(digitCount, other.digitCount) {
                let (a, b) = (n < digitCount ? digit(&i) : 48, n < other.digitCount ? other.digit(&j) : 48)
                guard a == b else { return a < b ? -1 : 1 }
            }
            return 0
        }

        private func digit(_ index: inout Int) -> UInt8 {
            if digits[index] == UInt8(ascii: ".") { index += 1 }
            defer { index += 1 }
            return digits[index]
        }
    }
}
