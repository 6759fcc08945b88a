// How fast connections are handed to the service manager: no faster than it reads, and never all of its time.

import FanOut
import Glibc
import SystemdNotify
import Testing

@testable import BridgeDaemon

struct DescriptorStoreTests {
  /// A manager that only counts, and reads when it is told to.
  private final class SlowManager {
    var stored: [String] = []
    var told: [ServiceNote] = []
    var sent = 0
    var read = 0

    var manager: DescriptorStore.Manager {
      .init(
        store: { [unowned self] _, name in
          stored.append(name)
          return .sent
        },
        notify: { [unowned self] in told += $0 }, barrier: { _ in },
        receipt: { [unowned self] in
          sent += 1
          let number = sent
          return { [unowned self] in read >= number }
        })
    }

    var connections: Int { stored.count { $0.hasPrefix(".") } }
  }

  private let manager = SlowManager()
  private let store: DescriptorStore

  init() {
    store = DescriptorStore(capacity: 1000, inherited: Inheritance(), manager: manager.manager)
    for slot in 0..<45 { store.add(SubscriberID(slot: UInt32(slot), generation: 1), descriptor: 0) }
  }

  @Test func aQuickManagerGetsABatchEachTime() {
    for count in [10, 20, 30, 40, 45, 45] {
      store.storeBatch()
      #expect(manager.connections == count)
      manager.read = manager.sent
    }
  }

  @Test func aSlowOneIsWaitedForAndThenLeftAlone() {
    store.storeBatch()
    for _ in 0..<5 { store.storeBatch() }
    #expect(manager.connections == 10)
    manager.read = manager.sent
    // As long as it took.
    for _ in 0..<5 { store.storeBatch() }
    #expect(manager.connections == 10)
    store.storeBatch()
    #expect(manager.connections == 20)
  }

  @Test func whoLeavesMeanwhileIsNotStored() {
    store.remove(SubscriberID(slot: 3, generation: 1))
    store.storeBatch()
    #expect(manager.connections == 9)
    #expect(!manager.stored.contains(DescriptorStore.name(of: SubscriberID(slot: 3, generation: 1))))
    // Nothing was kept of it that would have to be removed.
    #expect(manager.told.isEmpty)
    store.remove(SubscriberID(slot: 4, generation: 1))
    #expect(manager.told == [.removeStoredDescriptors(name: ".014")])
  }

  @Test func atTheEndAllThatIsLeftIsStoredWhateverItTakes() {
    store.storeBatch()
    #expect(store.handOver(state: []))
    #expect(manager.connections == 45)
    #expect(manager.told.contains { if case .extendTimeout = $0 { true } else { false } })
  }
}
