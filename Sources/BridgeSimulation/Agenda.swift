// What is going to happen in the simulated world, in order: by time, and at the same time in the order of planning,
// so that a run is a function of its seed.

struct Agenda<Event> {
  private struct Entry {
    var time: Int64
    var order: UInt64
    var event: Event

    func isBefore(_ other: Entry) -> Bool { time != other.time ? time < other.time : order < other.order }
  }

  /// A binary heap, earliest first.
  private var entries: [Entry] = []
  private var planned: UInt64 = 0

  var nextTime: Int64? { entries.first?.time }

  mutating func plan(_ event: Event, at time: Int64) {
    planned += 1
    entries.append(Entry(time: time, order: planned, event: event))
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard entries[child].isBefore(entries[parent]) else { return }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  mutating func take(notAfter time: Int64) -> Event? {
    guard let first = entries.first, first.time <= time else { return nil }
    let last = entries.removeLast()
    guard !entries.isEmpty else { return first.event }
    entries[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count {
        if entries[child].isBefore(entries[least]) { least = child }
      }
      guard least != parent else { return first.event }
      entries.swapAt(parent, least)
      parent = least
    }
  }
}
