// What will happen next, ordered by time and then by when it was planned, so that equal times never depend on chance.
// A binary heap: at two thousand symbols every step is one push and one pop.

struct EventQueue<Event: Sendable>: Sendable {
  private struct Entry: Sendable {
    var time: Int64
    var order: UInt64
    var event: Event
    func isBefore(_ other: Entry) -> Bool { time != other.time ? time < other.time : order < other.order }
  }

  private var heap: [Entry] = []
  private var planned: UInt64 = 0

  var nextTime: Int64? { heap.first?.time }

  mutating func plan(_ event: Event, at time: Int64) {
    heap.append(Entry(time: time, order: planned, event: event))
    planned += 1
    var child = heap.count - 1
    while child > 0, heap[child].isBefore(heap[(child - 1) / 2]) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func takeFirst(notAfter limit: Int64) -> (time: Int64, event: Event)? {
    guard let first = heap.first, first.time <= limit else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      var parent = 0
      while true {
        var least = parent
        for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].isBefore(heap[least]) {
          least = child
        }
        if least == parent { break }
        heap.swapAt(parent, least)
        parent = least
      }
    }
    return (first.time, first.event)
  }
}
