// Two sinks for composing JSON by hand, with the same method names: JSONBytes grows, JSONCursor
// writes into memory the caller has already found room in (a slot of the ring). Both only add
// bytes; commas and brackets are the caller's, who copies most of a line verbatim anyway.

/// An append-only buffer of UTF-8.
public struct JSONBytes: Sendable {
    @usableFromInline var storage: [UInt8] = []

    @inlinable
    public init(reserving capacity: Int = 0) {
        storage.reserveCapacity(capacity)
    }

    @inlinable public var bytes: [UInt8] { storage }
    @inlinable public var count: Int { storage.count }

    /// Empties the buffer and keeps its memory.
    @inlinable
    public mutating func removeAll() { storage.removeAll(keepingCapacity: true) }

    @inlinable
    public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        let result = storage.withUnsafeBytes { bytes in Result { () throws(E) in try body(bytes) } }
        return try result.get()
    }

    @inlinable @inline(__always)
    public mutating func append(_ literal: StaticString) {
        storage.append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    @inlinable @inline(__always)
    public mutating func append(bytes: UnsafeRawBufferPointer) { storage.append(contentsOf: bytes) }

    @inlinable @inline(__always)
    public mutating func append(_ byte: UInt8) { storage.append(byte) }

    /// Decimal digits.
    @inlinable
    public mutating func append<I: FixedWidthInteger>(_ value: I) {
        withDecimalDigits(value) { storage.append(contentsOf: $0) }
    }

    /// A JSON string: in quotes, with quotes, backslashes and control characters escaped.
    @inlinable
    public mutating func append(quoted string: some StringProtocol) {
        append(UInt8(ascii: "\""))
        for byte in string.utf8 { appendEscaped(byte) }
        append(UInt8(ascii: "\""))
    }

    @inlinable
    mutating func appendEscaped(_ byte: UInt8) {
        guard needsEscape(byte) else { return storage.append(byte) }
        let escape = escapeSequence(byte)
        for index in 0..<escape.count { storage.append(UInt8(truncatingIfNeeded: escape.bytes >> UInt64(index * 8))) }
    }
}

/// The same into memory that is already there. The caller guarantees the room: a quoted string takes at most
/// `6 * utf8.count + 2` bytes, an integer at most 20 (40 for 128 bits).
public struct JSONCursor {
    /// Where the next byte goes.
    public var p: UnsafeMutablePointer<UInt8>

    @inlinable @inline(__always)
    public init(_ p: UnsafeMutablePointer<UInt8>) { self.p = p }

    @inlinable @inline(__always)
    public init(_ p: UnsafeMutableRawPointer) { self.p = p.assumingMemoryBound(to: UInt8.self) }

    @inlinable @inline(__always)
    public mutating func append(_ literal: StaticString) {
        p.update(from: literal.utf8Start, count: literal.utf8CodeUnitCount)
        p += literal.utf8CodeUnitCount
    }

    @inlinable @inline(__always)
    public mutating func append(bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        UnsafeMutableRawPointer(p).copyMemory(from: base, byteCount: bytes.count)
        p += bytes.count
    }

    @inlinable @inline(__always)
    public mutating func append(_ byte: UInt8) {
        p.pointee = byte
        p += 1
    }

    @inlinable
    public mutating func append<I: FixedWidthInteger>(_ value: I) {
        withDecimalDigits(value) { append(bytes: $0) }
    }

    @inlinable
    public mutating func append(quoted string: some StringProtocol) {
        append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            guard needsEscape(byte) else {
                append(byte)
                continue
            }
            let escape = escapeSequence(byte)
            for index in 0..<escape.count { append(UInt8(truncatingIfNeeded: escape.bytes >> UInt64(index * 8))) }
        }
        append(UInt8(ascii: "\""))
    }
}

@inlinable @inline(__always)
func needsEscape(_ byte: UInt8) -> Bool {
    byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
}

/// The shortest escape of one byte, first character in the lowest byte.
@usableFromInline
func escapeSequence(_ byte: UInt8) -> (bytes: UInt64, count: Int) {
    func short(_ letter: UInt8) -> (bytes: UInt64, count: Int) { (UInt64(letter) << 8 | 0x5C, 2) }
    switch byte {
    case 0x22, 0x5C: return short(byte)
    case 0x08: return short(UInt8(ascii: "b"))
    case 0x09: return short(UInt8(ascii: "t"))
    case 0x0A: return short(UInt8(ascii: "n"))
    case 0x0C: return short(UInt8(ascii: "f"))
    case 0x0D: return short(UInt8(ascii: "r"))
    default:
        let low = UInt64(byte & 15)
        let lowDigit = low < 10 ? low + 48 : low + 87
        let highDigit = UInt64(byte >> 4) + 48
        return (0x3030_755C | highDigit << 32 | lowDigit << 40, 6)
    }
}

/// Writes digits from the back of a stack buffer; 40 bytes hold any integer of up to 128 bits with its sign.
@inlinable @inline(__always)
func withDecimalDigits<I: FixedWidthInteger>(_ value: I, _ body: (UnsafeRawBufferPointer) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: 40, alignment: 8) { buffer in
        var first = 40
        var rest = value.magnitude
        repeat {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            first &-= 1
            buffer[first] = UInt8(truncatingIfNeeded: digit) &+ UInt8(ascii: "0")
            rest = quotient
        } while rest > 0
        if value < 0 {
            first &-= 1
            buffer[first] = UInt8(ascii: "-")
        }
        body(UnsafeRawBufferPointer(rebasing: buffer[first...]))
    }
}
