// A connected Unix socket as the kernel keeps it: what was written and not read yet, up to a limit, in both
// directions, and what a bridge has parked because the limit was reached.

import FanOut

final class SimulatedSocket {
  let id: SubscriberID
  let capacity: Int
  /// Written by the bridge, not read yet.
  private(set) var buffer: [UInt8] = []
  private var taken = 0
  /// Waits in the bridge's memory for room in the buffer.
  private(set) var parked: [UInt8] = []
  private(set) var parkedMax = 0
  /// A park was completed and the bridge has not been told.
  var owesWritable = false

  var isClosedByBridge = false
  var isClosedByReader = false
  var isHalfClosed = false
  /// The bridge process is gone; what it wrote can still be read.
  var isOrphan = false
  /// On its way to the bridge.
  var outbox: [UInt8] = []
  var isInputPlanned = false
  var isReadPlanned = false

  init(id: SubscriberID, capacity: Int) {
    self.id = id
    self.capacity = capacity
  }

  var unread: Int { buffer.count - taken }
  var room: Int { max(0, capacity - unread) }
  var isAtEnd: Bool { (isClosedByBridge || isOrphan) && unread == 0 && parked.isEmpty }

  func write(_ bytes: UnsafeRawBufferPointer, at most: Int) -> Int {
    let count = min(bytes.count, room, most)
    buffer.append(contentsOf: bytes[..<count])
    return count
  }

  func park(_ bytes: UnsafeRawBufferPointer) {
    parked.append(contentsOf: bytes)
    parkedMax = max(parkedMax, parked.count)
    unpark()
  }

  private func unpark() {
    guard !parked.isEmpty else { return }
    let count = min(room, parked.count)
    buffer.append(contentsOf: parked[..<count])
    parked.removeFirst(count)
    if parked.isEmpty { owesWritable = true }
  }

  /// What the reader has not taken yet.
  var unreadBytes: ArraySlice<UInt8> { buffer[taken...] }

  /// The process that had parked it is gone.
  func takeParked() -> [UInt8] {
    defer { parked = [] }
    return parked
  }

  /// Takes up to `count` bytes for the reader.
  func read(_ count: Int) -> ArraySlice<UInt8> {
    let end = min(buffer.count, taken + count)
    let bytes = buffer[taken..<end]
    taken = end
    if taken == buffer.count {
      buffer.removeAll(keepingCapacity: true)
      taken = 0
    } else if taken > 65536 {
      buffer.removeFirst(taken)
      taken = 0
    }
    unpark()
    return bytes
  }

  /// The bridge has died: what it had parked dies with it.
  func orphan() {
    isOrphan = true
    parked = []
    outbox = []
  }
}
