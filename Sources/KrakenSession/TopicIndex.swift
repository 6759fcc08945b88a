// Finds topics by channel and symbol from bytes, without making a String: asked for every item.
//
// Open addressing with linear probing over (hash, topic). Several topics of one symbol (candle
// intervals, ticker triggers, an old and a new depth) simply lie in the same run. The caller
// verifies each candidate; removal moves the rest of the run up, so that there are no tombstones.

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

  /// FNV-1a, the channel first.
  static func hash(_ channel: KrakenChannel, _ symbol: some Sequence<UInt8>) -> UInt32 {
    var hash: UInt32 = 2_166_136_261
    hash = (hash ^ UInt32(channel.rawValue)) &* 16_777_619
    for byte in symbol { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    return hash
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
