// One daemon after the other with the same readers, and a service manager that only keeps descriptors.

import BridgeCore
import Glibc
import NIOCore
import Synchronization
import SystemdNotify
import Testing

@testable import BridgeDaemon

/// The manager's descriptor store: copies of descriptors under their names.
final class DescriptorKeeper: Sendable {
  private let kept = Mutex<[(name: String, descriptor: Int32)]>([])

  var names: [String] { kept.withLock { $0.map(\.name) } }

  var manager: DescriptorStore.Manager {
    .init(
      store: { [self] descriptors, name in
        kept.withLock { kept in for descriptor in descriptors { kept.append((name, dup(descriptor))) } }
        return .sent
      },
      notify: { [self] notes in
        for case .removeStoredDescriptors(let name) in notes { remove(name) }
      },
      barrier: { _ in })
  }

  private func remove(_ name: String) {
    kept.withLock { kept in
      for each in kept where each.name == name { close(each.descriptor) }
      kept.removeAll { $0.name == name }
    }
  }

  /// What the next process is passed.
  func passed() -> [PassedDescriptor] {
    kept.withLock { $0.map { PassedDescriptor(descriptor: dup($0.descriptor), name: $0.name) } }
  }

  /// The service was stopped for good.
  func drop() { for name in Set(names) { remove(name) } }
}

struct RestartLoopTests {
  private let directory: ScratchDirectory

  init() throws { directory = try ScratchDirectory() }

  @Test func readersOutliveTheDaemon() async throws {
    let keeper = DescriptorKeeper()
    let path = directory("bridge.sock")
    let first = try await Running(directory, keeper: keeper)
    let (reader, seq) = try await reading { () throws -> (Transfer<Reader>, String) in
      let reader = try Reader(path)
      reader.send("subscribe ticker BTC/USD\n")
      return (Transfer(reader), try reader.line(with: "\"channel\":\"ticker\"", "\"type\":\"snapshot\""))
    }
    #expect(!seq.isEmpty)
    try await first.stop()
    #expect(Set(keeper.names) == ["listener", "mid-line", "client-0-0", keeper.names.first { $0.hasPrefix("state-") }])
    try await first.tearDown()

    let second = try await Running(directory, keeper: keeper)
    try await reading {
      // Everything in its place and nothing else: no goodbye, no gap, and the same connection.
      let stale = try reader.value.line(with: "\"type\":\"stale\"")
      #expect(stale.contains("upstream_lost"))
      var line = ""
      repeat {
        line = try #require(reader.value.line())
        #expect(!line.contains("goodbye") && !line.contains("\"gap\""))
      } while !(line.contains("\"channel\":\"ticker\"") && line.contains("\"type\":\"snapshot\""))
      // The listener is the same too, and newcomers get a connection of their own.
      let newcomer = try Reader(path)
      _ = try newcomer.line(with: "\"hello\"")
      reader.value.send("ping\n")
      _ = try reader.value.line(with: "\"pong\"")
    }
    try await second.stop()
    try await second.tearDown()
    keeper.drop()
    try await reading {
      while reader.value.line() != nil {}
      #expect(reader.value.line() == nil)
    }
  }

  @Test func whoLeavesIsNotKept() async throws {
    let keeper = DescriptorKeeper()
    let path = directory("bridge.sock")
    let running = try await Running(directory, keeper: keeper)
    try await reading {
      let reader = try Reader(path)
      reader.send("ping\n")
      _ = try reader.line(with: "\"pong\"")
      while !keeper.names.contains("client-0-0") { usleep(1000) }
      shutdown(reader.descriptor, Int32(SHUT_WR))
      // Follows nothing and asks nothing more: the daemon closes it, and the kept copy must not hold it open.
      #expect(reader.line() == nil)
      while keeper.names.contains("client-0-0") { usleep(1000) }
    }
    try await running.stop()
    try await running.tearDown()
    keeper.drop()
  }

  @Test func readersOfAnUnknownStateAreKeptAndTold() async throws {
    let keeper = DescriptorKeeper()
    let path = directory("bridge.sock")
    let first = try await Running(directory, keeper: keeper)
    let reader = try await reading { () throws -> Transfer<Reader> in
      let reader = try Reader(path)
      _ = try reader.line(with: "\"hello\"")
      return Transfer(reader)
    }
    try await first.stop()
    try await first.tearDown()
    let state = try #require(keeper.names.first { $0.hasPrefix("state-") })
    keeper.manager.notify([.removeStoredDescriptors(name: state)])

    let second = try await Running(directory, keeper: keeper)
    try await reading {
      let gap = try reader.value.line(with: "\"gap\"")
      #expect(gap.contains("\"restart\""))
      reader.value.send("subscribe ticker BTC/USD\n")
      _ = try reader.value.line(with: "\"channel\":\"ticker\"", "\"type\":\"snapshot\"")
    }
    try await second.stop()
    try await second.tearDown()
    keeper.drop()
  }

  @Test func marksOfTheMiddleOfALineOutliveTheirProcess() throws {
    let marks = try #require(MidLineMarks(inheriting: nil))
    marks.set(3, true)
    marks.set(1 << 20, true)
    let next = try #require(MidLineMarks(inheriting: dup(marks.descriptor)))
    #expect(next.isSet(3) && !next.isSet(2) && !next.isSet(1 << 20))
    next.set(3, false)
    #expect(!marks.isSet(3))
  }

  @Test func onlyTheNewestStateCounts() throws {
    func file(_ bytes: [UInt8]) throws -> Int32 { try #require(MemoryFile.sealed("test", bytes)) }
    let inherited = Inheritance([
      PassedDescriptor(descriptor: try file([1]), name: "state-9"),
      PassedDescriptor(descriptor: try file([2]), name: "state-10"),
      PassedDescriptor(descriptor: try file([3]), name: "client-1"),
    ])
    #expect(inherited.stateNames == ["state-9", "state-10"])
    #expect(inherited.state == nil)
    #expect(inherited.others.map(\.name) == ["client-1"])
    for other in inherited.others { close(other.descriptor) }
  }

  @Test func aSealedFileHasItsContentsForGood() throws {
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let descriptor = try #require(MemoryFile.sealed("test", bytes))
    defer { close(descriptor) }
    #expect(MemoryFile.contents(descriptor) == bytes)
    #expect(write(descriptor, "x", 1) == -1)
    #expect(ftruncate(descriptor, 0) == -1)
  }
}
