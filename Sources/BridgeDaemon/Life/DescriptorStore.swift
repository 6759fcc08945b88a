// What the service manager keeps for the next process: every reader's connection, the listening sockets, what is
// still to come of unfinished lines, and the bridge's state in a sealed memory file.
//
// Each connection is stored under a name of its own, so that it can be taken out again; the manager takes out by itself
// what its peer hung up.
//
// Storing is paced by the manager: it compares each descriptor with all that it has, which for the ten-thousandth takes
// milliseconds, and whoever sends faster than it reads is made to wait.

import BridgeCore
import FanOut
import Glibc
import SystemdNotify

final class DescriptorStore {
  /// How the manager is reached; another one in tests.
  struct Manager {
    var store: ([Int32], String) -> NotificationOutcome
    var notify: ([ServiceNote]) -> Void
    var barrier: (Duration) -> Void
    /// Asks for a receipt of what was sent; what it returns tells whether that has come.
    var receipt: () -> () -> Bool

    static var system: Manager {
      Manager(
        store: { ServiceManager.store($0, name: $1) }, notify: { ServiceManager.notify($0) },
        barrier: { ServiceManager.barrier(timeout: $0) },
        receipt: {
          let receipt = ManagerReceipt()
          return { receipt?.hasCome ?? true }
        })
    }
  }

  static let listenerName = "listener"
  static let linesName = "lines"
  static let statePrefix = "state-"
  /// Connections handed to the manager in one go. Ten messages are all that some systems let wait in a socket.
  private static let batch = 10
  /// Descriptors that are no connections: state (two while one replaces the other), lines, listeners.
  static let reserve = 32

  let manager: Manager
  let unfinished: UnfinishedLines?
  private let connectionsMax: Int
  private var held: Set<SubscriberID> = []
  private var waiting: [SubscriberID: Int32] = [:]
  private var order: [SubscriberID] = []
  /// Whether the manager has read the last batch, and how many times that was asked.
  private var hasReceipt: () -> Bool = { true }
  private var waits = 0
  /// Calls of `storeBatch` to be passed over.
  private var pause = 0
  private var stateNumber: UInt64
  private var stateNames: [String]

  /// - Parameters:
  ///   - capacity: FileDescriptorStoreMax=.
  ///   - inherited: what the manager kept from the process before.
  init(capacity: Int, inherited: Inheritance, manager: Manager = .system) {
    self.manager = manager
    connectionsMax = max(0, min(capacity, DescriptorStore.namesMax) - DescriptorStore.reserve)
    unfinished = UnfinishedLines(inheriting: inherited.lines)
    stateNames = inherited.stateNames
    stateNumber = (inherited.stateNames.compactMap(DescriptorStore.stateNumber).max() ?? 0) + 1
    if let unfinished, inherited.lines == nil { _ = manager.store([unfinished.descriptor], DescriptorStore.linesName) }
  }

  // MARK: Names

  // All names come back in one environment variable, and the kernel takes none of more than 128 KiB: so they are short,
  // six characters for a connection, and there are not too many of them.

  private static let namesMax = 18_000
  private static let slotsMax: UInt32 = 36 * 36 * 36
  /// Generations in names begin again after so many. No slot changes hands that often between two checkpoints.
  static let generations: UInt32 = 36 * 36

  static func name(of id: SubscriberID) -> String {
    let generation = String(id.generation % generations, radix: 36)
    return (generation.count < 2 ? ".0" : ".") + generation + String(id.slot, radix: 36)
  }

  /// The slot, and the generation as far as it is in the name.
  static func client(named name: String) -> (slot: UInt32, generation: UInt32)? {
    guard name.first == ".", name.count > 3, let generation = UInt32(name.dropFirst().prefix(2), radix: 36),
      let slot = UInt32(name.dropFirst(3), radix: 36)
    else { return nil }
    return (slot, generation)
  }

  static func stateNumber(_ name: String) -> UInt64? {
    name.hasPrefix(statePrefix) ? UInt64(name.dropFirst(statePrefix.count)) : nil
  }

  // MARK: Connections

  /// Keeps a connection from the next batch on.
  func add(_ id: SubscriberID, descriptor: Int32) {
    guard held.count + waiting.count < connectionsMax, id.slot < DescriptorStore.slotsMax else { return }
    waiting[id] = descriptor
    order.append(id)
  }

  /// The manager holds this connection already.
  func note(_ id: SubscriberID) { held.insert(id) }

  /// To be called while the descriptor is still open.
  func remove(_ id: SubscriberID) {
    if waiting.removeValue(forKey: id) == nil, held.remove(id) != nil { remove(named: DescriptorStore.name(of: id)) }
  }

  func remove(named name: String) { manager.notify([.removeStoredDescriptors(name: name)]) }

  /// Hands over some of those that wait, when the manager has read those before; once it takes long for them, only so
  /// many that it has half of its time for others. To be called again and again, at equal intervals.
  func storeBatch() {
    guard !order.isEmpty else { return }
    guard hasReceipt() else { return waits += 1 }
    if waits > 0 { (pause, waits) = (waits, 0) }
    guard pause == 0 else { return pause -= 1 }
    store(atMost: DescriptorStore.batch)
    hasReceipt = manager.receipt()
  }

  private func store(atMost countMax: Int) {
    let batch = order.prefix(countMax)
    for id in batch {
      guard let descriptor = waiting.removeValue(forKey: id) else { continue }
      if manager.store([descriptor], DescriptorStore.name(of: id)) == .sent { held.insert(id) }
    }
    order.removeFirst(batch.count)
  }

  // MARK: Listeners and state

  /// The sockets that this process bound itself, in place of those kept before.
  func store(listeners: [Int32]) {
    remove(named: DescriptorStore.listenerName)
    if !listeners.isEmpty { _ = manager.store(listeners, DescriptorStore.listenerName) }
  }

  /// Keeps this state in place of the one before. The old one goes when the new one has come: a kill in between leaves
  /// both, and the higher number counts.
  func store(state: [UInt8]) -> Bool {
    guard let descriptor = MemoryFile.sealed("kraken-bridge state", state) else { return false }
    defer { close(descriptor) }
    let name = DescriptorStore.statePrefix + String(stateNumber)
    guard manager.store([descriptor], name) == .sent else { return false }
    stateNumber += 1
    for old in stateNames { remove(named: old) }
    stateNames = [name]
    return true
  }

  /// At the end of an orderly stop: everything, and proof that the manager has it.
  func handOver(state: [UInt8]) -> Bool {
    if order.count > DescriptorStore.batch { manager.notify([.extendTimeout(.seconds(60))]) }
    store(atMost: .max)
    let isStored = store(state: state)
    manager.barrier(.seconds(5))
    return isStored
  }
}

/// What the manager kept from the process before, sorted.
struct Inheritance {
  /// After so many starts that failed with a state, it is done without: readers are told that everything is uncertain.
  static let startsWithStateMax: UInt32 = 2
  /// After so many that failed with the readers, these are done without as well.
  static let startsWithReadersMax: UInt32 = 4

  var clients: [PassedDescriptor] = []
  var state: BridgeState?
  /// Names of the states kept, whether or not they could be read.
  var stateNames: [String] = []
  var lines: Int32?
  /// Everything else: listening sockets.
  var others: [PassedDescriptor] = []

  init() {}

  init(_ passed: [PassedDescriptor]) {
    var states: [(number: UInt64, descriptor: Int32)] = []
    for each in passed {
      if DescriptorStore.client(named: each.name) != nil {
        clients.append(each)
      } else if let number = DescriptorStore.stateNumber(each.name) {
        states.append((number, each.descriptor))
        stateNames.append(each.name)
      } else if each.name == DescriptorStore.linesName, lines == nil {
        lines = each.descriptor
      } else {
        others.append(each)
      }
    }
    // Only the newest counts: an older one would give numbers out again.
    if let newest = states.max(by: { $0.number < $1.number }) {
      state = MemoryFile.contents(newest.descriptor).flatMap { bytes in try? BridgeState(bytes) }
    }
    for state in states { close(state.descriptor) }
  }

  /// Leaves out what may be the reason why processes before this one failed while they started.
  mutating func leaveOut(afterFailedStarts count: UInt32) {
    if count >= Inheritance.startsWithStateMax { state = nil }
    guard count >= Inheritance.startsWithReadersMax else { return }
    for client in clients {
      ServiceManager.notify(.removeStoredDescriptors(name: client.name))
      shutdown(client.descriptor, Int32(SHUT_RDWR))
      close(client.descriptor)
    }
    clients = []
  }
}
