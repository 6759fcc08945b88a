// The memory of the log: one block of text and one table of entries, both of fixed size. This is the only
// file of the target that handles memory by hand.
//
// A line lies in one piece, so it can be written straight from here; where it does not fit before the end
// of the block, the rest of the block is skipped. Lines have consecutive sequence numbers, so a line's
// entry is found by masking its number. A position is the lap in the upper and the offset in the lower
// 32 bits: positions order like the lines, and finding the bytes takes no division.
//
// Soundness: `text` and `entries` are allocated once in `init` and freed in `deinit`; the type cannot be
// copied. Pointers into `text` are handed to a caller that reads or fills them before it changes the ring.
// Every entry index is masked to the table's size. Text is only addressed through entries that are still
// held, and an entry is given up before its bytes are reused: `reserve` demands that enough was evicted.
// `commit` checks the length against what was reserved. `LogEntry` is a plain value, so entries need no
// deinitialization, and none is read before it was written because only numbers in `oldest..<next` are looked up.

/// Where a line is and whom it concerns.
struct LogEntry: BitwiseCopyable {
  var position: UInt64
  var length: UInt32
  var address: LineAddress

  var end: UInt64 { position + UInt64(length) }
}

struct LogRing: ~Copyable {
  let capacity: Int
  /// Sequence numbers held: `oldest..<next`.
  private(set) var oldest: UInt64
  private(set) var next: UInt64
  /// Where the next line begins, if it fits there.
  private var head: UInt64 = 0
  private var reserved = 0
  private let entryMask: UInt64
  private let text: UnsafeMutableRawPointer
  private let entries: UnsafeMutablePointer<LogEntry>

  init(capacity: Int, entriesMax: Int, firstSeq: UInt64) {
    precondition(capacity > 0 && capacity < Int(UInt32.max), "a ring holds less than 4 GiB")
    precondition(entriesMax > 0 && entriesMax & (entriesMax - 1) == 0, "the number of entries is a power of two")
    self.capacity = capacity
    oldest = firstSeq
    next = firstSeq
    entryMask = UInt64(entriesMax - 1)
    text = .allocate(byteCount: capacity, alignment: 64)
    entries = .allocate(capacity: entriesMax)
  }

  deinit {
    text.deallocate()
    entries.deallocate()
  }

  var isEmpty: Bool { oldest == next }

  func entry(_ seq: UInt64) -> LogEntry {
    assert(seq >= oldest && seq < next)
    return entries[Int(truncatingIfNeeded: seq & entryMask)]
  }

  /// Whether the line begins where the one before it ends, so that both can be written in one piece.
  func continuesPrevious(_ seq: UInt64) -> Bool {
    seq > oldest && entry(seq - 1).end == entry(seq).position
  }

  /// Bytes of ring from the beginning of a line to the end of the newest; 0 for `next`, and in an empty ring.
  func bytes(since seq: UInt64) -> Int {
    let first = max(seq, oldest)
    guard first < next else { return 0 }
    let start = entry(first).position
    let laps = Int(head >> 32) - Int(start >> 32)
    return laps * capacity + Int(head & 0xffff_ffff) - Int(start & 0xffff_ffff)
  }

  /// The text of lines that lie next to each other. Valid until the next `reserve`: callers use it at once.
  func text(of lines: LineRun) -> UnsafeRawBufferPointer {
    precondition(lines.first >= oldest && lines.end <= next && lines.first < lines.end)
    let first = entry(lines.first)
    let last = entry(lines.end - 1)
    precondition(first.position >> 32 == last.position >> 32, "lines of two laps are not one piece")
    return UnsafeRawBufferPointer(start: text + Int(first.position & 0xffff_ffff), count: Int(last.end - first.position))
  }

  /// Bytes of lines that lie next to each other.
  func byteCount(of lines: LineRun) -> Int {
    Int(entry(lines.end - 1).end - entry(lines.first).position)
  }

  // MARK: Appending

  private func start(of bytes: Int) -> UInt64 {
    let offset = Int(head & 0xffff_ffff)
    return offset + bytes <= capacity ? head : ((head >> 32) + 1) << 32
  }

  /// The number the oldest line must have for `bytes` more to fit.
  func oldest(afterMakingRoomFor bytes: Int) -> UInt64 {
    precondition(bytes <= capacity)
    var seq = oldest
    if next - seq > entryMask { seq = next - entryMask }
    let end = start(of: bytes) + UInt64(bytes)
    guard end >> 32 > 0 else { return seq }
    // What was written one lap ago below `end`, and everything before that, gives way.
    let limit = end - (1 << 32)
    while seq < next, entry(seq).position < limit { seq += 1 }
    return seq
  }

  mutating func evict(upTo seq: UInt64) {
    oldest = max(oldest, min(seq, next))
  }

  /// Room for the next line. Enough must have been evicted before.
  mutating func reserve(_ bytes: Int) -> UnsafeMutableRawPointer {
    precondition(oldest(afterMakingRoomFor: bytes) == oldest, "evict first")
    head = start(of: bytes)
    reserved = bytes
    return text + Int(head & 0xffff_ffff)
  }

  /// Makes what was written into the reserved room the next line.
  mutating func commit(_ bytes: Int, address: LineAddress) {
    precondition(bytes > 0 && bytes <= reserved, "a line fills at most the room reserved for it")
    entries[Int(truncatingIfNeeded: next & entryMask)] = LogEntry(
      position: head, length: UInt32(bytes), address: address)
    head += UInt64(bytes)
    next += 1
    reserved = 0
  }
}

/// Consecutive lines that lie next to each other in the ring.
struct LineRun: Hashable, BitwiseCopyable {
  var first: UInt64
  var end: UInt64

  var count: Int { Int(end - first) }
}
