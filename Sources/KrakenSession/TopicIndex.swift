// Finds topics by channel and symbol from bytes, without making a String: asked for every item.
//
// Open addressing with linear probing over (hash, topic). Several topics of one symbol (candle
// intervals, ticker triggers, an old and a new depth) simply lie in the same run. The caller
// verifies each candidate. Removal moves the rest of the run up, so that there are no tombstones.

import KrakenWire

struct TopicIndex: Sendable {
  private struct Slot {
    var hash: UInt32
    /// -1: empty.
    var topic: Int32
  }

  private var slots: [Slot]
  private(set) var count = 0

  init() { slots = Self.empty(64) }

  private static func empty(_ count: Int) -> [Slot] {
    Array(repeating: Slot(hash: 0, topic: -1), count: count)
  }

  private var mask: Int { slots.count - 1 }

  /// Eight bytes at a time, the rest as one word; the multiplication spreads them, the shift brings them down.
  static func hash(_ channel: KrakenChannel, _ symbol: UnsafeRawBufferPointer) -> UInt32 {
    var hash = UInt64(channel.rawValue) &+ UInt64(symbol.count) << 8
    forEachWord(of: symbol) { word in
      hash = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 32
    }
    return UInt32(truncatingIfNeeded: hash)
  }

  static func hash(_ channel: KrakenChannel, _ symbol: [UInt8]) -> UInt32 {
    symbol.withUnsafeBytes { hash(channel, $0) }
  }

  @inline(__always)
  private static func forEachWord(of bytes: UnsafeRawBufferPointer, _ body: (UInt64) -> Void) {
    var index = 0
    while index &+ 8 <= bytes.count {
      body(bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      index &+= 8
    }
    guard index < bytes.count else { return }
    var rest: UInt64 = 0
    while index < bytes.count {
      rest = rest << 8 | UInt64(bytes[index])
      index &+= 1
    }
    body(rest)
  }

  mutating func insert(_ topic: Int, hash: UInt32) {
    if (count + 1) * 2 > slots.count { grow() }
    var place = Int(hash) & mask
    while slots[place].topic >= 0 { place = (place + 1) & mask }
    slots[place] = Slot(hash: hash, topic: Int32(topic))
    count += 1
  }

  mutating func remove(_ topic: Int, hash: UInt32) {
    var place = Int(hash) & mask
    while slots[place].topic != Int32(topic) {
      precondition(slots[place].topic >= 0, "topic is not in the index")
      place = (place + 1) & mask
    }
    count -= 1
    // Moves up whatever may lie nearer to its home, until the run ends.
    var next = (place + 1) & mask
    while slots[next].topic >= 0 {
      let home = Int(slots[next].hash) & mask
      if (next - home) & mask >= (next - place) & mask {
        slots[place] = slots[next]
        place = next
      }
      next = (next + 1) & mask
    }
    slots[place].topic = -1
  }

  /// A walk over the topics with this hash; others may be among them.
  struct Candidates {
    let hash: UInt32
    fileprivate var place: Int
  }

  func candidates(hash: UInt32) -> Candidates {
    Candidates(hash: hash, place: Int(hash) & mask)
  }

  func next(_ candidates: inout Candidates) -> Int? {
    while slots[candidates.place].topic >= 0 {
      let slot = slots[candidates.place]
      candidates.place = (candidates.place + 1) & mask
      if slot.hash == candidates.hash { return Int(slot.topic) }
    }
    return nil
  }

  private mutating func grow() {
    let old = slots
    slots = Self.empty(old.count * 2)
    count = 0
    for slot in old where slot.topic >= 0 { insert(Int(slot.topic), hash: slot.hash) }
  }
}
