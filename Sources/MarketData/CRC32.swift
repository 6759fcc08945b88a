// CRC-32 as in zlib: polynomial 0xEDB88320 (reflected), all ones before and after.
//
// Kraken's book checksum runs over the digits of twenty levels. The order book does not run over
// them again for every message: a CRC is linear, so the CRC of two texts joined follows from the
// CRC of each and the length of the second (`advance`). Each level keeps its own; joining twenty of
// them costs eighty table look-ups.

public struct CRC32: Sendable {
  /// The register, without the final inversion.
  private var register: UInt32 = 0xFFFF_FFFF

  public init() {}

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    register = CRC32Tables.shared.run(register, bytes)
  }

  public var value: UInt32 { ~register }

  public static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var crc = CRC32()
    crc.update(bytes)
    return crc.value
  }
}

/// `table(n)[b]` is what a byte `b` contributes to the register when `n` more bytes follow it.
///
/// Sound to share: the memory is filled before anyone else sees the pointer, never written again and never freed,
/// and every index is a byte within one of `count` tables of 256.
struct CRC32Tables: @unchecked Sendable {
  /// Longest text `advance` can step over: the tokens of one level.
  static let count = Level.textBytesMax
  static let shared = CRC32Tables()

  private let entries: UnsafePointer<UInt32>

  private init() {
    let entries = UnsafeMutablePointer<UInt32>.allocate(capacity: Self.count * 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
      entries[byte] = value
    }
    for index in 256..<Self.count * 256 {
      let previous = entries[index - 256]
      entries[index] = previous >> 8 ^ entries[Int(previous & 0xFF)]
    }
    self.entries = UnsafePointer(entries)
  }

  @inline(__always)
  private func entry(_ table: Int, _ byte: UInt32) -> UInt32 {
    entries[table &<< 8 &+ Int(byte & 0xFF)]
  }

  /// `byteCount` is below `count`.
  @inline(__always)
  func contribution(of byte: UInt8, followedBy byteCount: Int) -> UInt32 { entry(byteCount, UInt32(byte)) }

  @inline(__always)
  func step(_ register: UInt32, _ byte: UInt8) -> UInt32 {
    register >> 8 ^ entry(0, register ^ UInt32(byte))
  }

  /// The register after `byteCount` zero bytes: what it contributes when a text of that length follows.
  @inline(__always)
  func advance(_ register: UInt32, by byteCount: Int) -> UInt32 {
    guard byteCount >= 4 else {
      var register = register
      for _ in 0..<byteCount { register = step(register, 0) }
      return register
    }
    return entry(byteCount &- 1, register) ^ entry(byteCount &- 2, register >> 8)
      ^ entry(byteCount &- 3, register >> 16) ^ entry(byteCount &- 4, register >> 24)
  }

  func run(_ register: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
    guard let base = bytes.baseAddress else { return register }
    var register = register
    var index = 0
    // Slicing by eight: eight independent look-ups per turn.
    while index &+ 8 <= bytes.count {
      let word = base.loadUnaligned(fromByteOffset: index, as: UInt64.self).littleEndian
      let low = UInt32(truncatingIfNeeded: word) ^ register
      let high = UInt32(truncatingIfNeeded: word >> 32)
      register =
        entry(7, low) ^ entry(6, low >> 8) ^ entry(5, low >> 16) ^ entry(4, low >> 24)
        ^ entry(3, high) ^ entry(2, high >> 8) ^ entry(1, high >> 16) ^ entry(0, high >> 24)
      index &+= 8
    }
    while index < bytes.count {
      register = step(register, base.load(fromByteOffset: index, as: UInt8.self))
      index &+= 1
    }
    return register
  }
}
