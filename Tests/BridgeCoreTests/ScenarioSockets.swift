// The readers' ends of simulated sockets, with a kernel that takes everything until a scenario says otherwise.

import FanOut

struct ScenarioSockets: SubscriberTransport {
  final class Reader {
    let name: String
    let id: SubscriberID?
    /// Whole lines that arrived and were not compared yet.
    var lines: [String] = []
    var isClosed = false
    /// What a scenario has sent but the bridge does not want to read yet.
    var waitingInput: [UInt8] = []
    var sequence = SequenceChecker()

    fileprivate var partialLine: [UInt8] = []
    /// How many bytes the kernel still takes while the reader is stopped; nil while it reads.
    fileprivate var room: Int?
    /// In the kernel, not read yet.
    fileprivate var unread: [UInt8] = []
    fileprivate var parked: [UInt8] = []
    fileprivate var closesAfterParked = false
    fileprivate var isBroken = false

    init(name: String, id: SubscriberID?) {
      self.name = name
      self.id = id
    }

    var endsWithinLine: Bool { !partialLine.isEmpty }
  }

  private var byID: [SubscriberID: Reader] = [:]
  private var byName: [String: Reader] = [:]
  /// In the order of connecting.
  private(set) var readers: [Reader] = []
  /// What is wrong with the bridge's use of sockets.
  var violations: [String] = []
  var bytesWritten = 0

  subscript(name: String) -> Reader? { byName[name] }

  mutating func add(_ reader: Reader) {
    if let id = reader.id { byID[id] = reader }
    byName[reader.name] = reader
    readers.append(reader)
  }

  mutating func remove(_ reader: Reader) {
    if let id = reader.id { byID[id] = nil }
  }

  // MARK: The bridge's side

  mutating func write(_ id: SubscriberID, _ bytes: UnsafeRawBufferPointer) -> WriteOutcome {
    guard let reader = byID[id], !reader.isBroken else { return .closed }
    if !reader.parked.isEmpty { violations.append("\(reader.name) was written to while a remainder is parked") }
    if bytes.isEmpty { violations.append("\(reader.name) was written nothing") }
    guard let room = reader.room else {
      deliver(Array(bytes), to: reader)
      return .wrote(bytes.count)
    }
    let taken = min(room, bytes.count)
    reader.room = room - taken
    reader.unread += bytes.prefix(taken)
    bytesWritten += taken
    return .wrote(taken)
  }

  mutating func park(_ id: SubscriberID, _ remainder: UnsafeRawBufferPointer) {
    guard let reader = byID[id] else { return }
    if remainder.isEmpty { violations.append("\(reader.name) had nothing parked") }
    reader.parked += remainder
  }

  mutating func close(_ id: SubscriberID) {
    guard let reader = byID[id] else { return }
    byID[id] = nil
    if reader.parked.isEmpty { reader.isClosed = true } else { reader.closesAfterParked = true }
  }

  // MARK: The reader's side

  mutating func deliver(_ bytes: [UInt8], to reader: Reader) {
    bytesWritten += bytes.count
    var rest = bytes[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      let line = String(decoding: reader.partialLine + rest[..<end], as: UTF8.self)
      reader.partialLine = []
      rest = rest[(end + 1)...]
      reader.lines.append(line)
      for fault in reader.sequence.check(line) { violations.append("\(reader.name): \(fault): \(line.prefix(400))") }
    }
    reader.partialLine += rest
  }

  mutating func stop(_ reader: Reader, room: Int) { reader.room = room }

  mutating func breakOff(_ reader: Reader) { reader.isBroken = true }

  /// The reader reads again.
  /// - Returns: whether a parked remainder went out with it, which the bridge has to be told.
  mutating func resume(_ reader: Reader) -> Bool {
    reader.room = nil
    let unread = reader.unread + reader.parked
    let hadParked = !reader.parked.isEmpty
    reader.unread = []
    reader.parked = []
    deliver(unread, to: reader)
    if reader.closesAfterParked { reader.isClosed = true }
    return hadParked
  }
}
