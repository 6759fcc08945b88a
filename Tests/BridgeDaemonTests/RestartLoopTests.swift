// One daemon after the other with the same readers, and a service manager that only keeps descriptors.

import BridgeCore
import FanOut
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
      barrier: { _ in }, receipt: { { true } })
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

  /// What the manager has at the moment when a process is killed.
  func copy() -> DescriptorKeeper {
    let copy = DescriptorKeeper()
    for each in passed() {
      _ = copy.manager.store([each.descriptor], each.name)
      close(each.descriptor)
    }
    return copy
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
    #expect(Set(keeper.names) == ["listener", "lines", ".000", keeper.names.first { $0.hasPrefix("state-") }])
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
      while !keeper.names.contains(".000") { usleep(1000) }
      shutdown(reader.descriptor, Int32(SHUT_WR))
      // Follows nothing and asks nothing more: the daemon closes it, and the kept copy must not hold it open.
      #expect(reader.line() == nil)
      while keeper.names.contains(".000") { usleep(1000) }
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

  @Test func whoIsInTheMiddleOfALineGetsTheRestAfterAKill() async throws {
    let keeper = DescriptorKeeper()
    let path = directory("bridge.sock")
    let first = try await Running(directory, keeper: keeper)
    let reader = try await reading { () throws -> Transfer<Reader> in
      let reader = try Reader(path)
      // More answers than the kernel takes, which go out in large pieces.
      reader.send(String(repeating: "help\n", count: 200))
      // Until the kernel is full, which is when nothing comes any more.
      var waiting: [UInt8] = []
      while waiting.count < 100_000 || waiting.count != reader.waiting.count {
        waiting = reader.waiting
        usleep(20_000)
      }
      return Transfer(reader)
    }
    let afterKill = keeper.copy()
    try await first.tearDown()
    keeper.drop()

    let second = try await Running(directory, keeper: afterKill)
    try await reading {
      var line = try #require(reader.value.line())
      while !line.contains("\"gap\"") {
        #expect(line.hasPrefix("{") && line.hasSuffix("}") && !line.dropFirst().contains("{\"method\":\"help\""))
        line = try #require(reader.value.line())
      }
      #expect(line.contains("\"restart\""))
    }
    try await second.stop()
    try await second.tearDown()
    afterKill.drop()
  }

  @Test func whoConnectedToTheSocketsOfTheProcessBeforeIsServed() async throws {
    let keeper = DescriptorKeeper()
    let path = directory("bridge.sock")
    let first = try await Running(directory, keeper: keeper)
    let afterKill = keeper.copy()
    try await first.tearDown()
    keeper.drop()
    let early = try Transfer(Reader(path))
    // As the manager does with the directory of a service that ends.
    unlink(path)

    let second = try await Running(directory, keeper: afterKill)
    try await reading {
      _ = try early.value.line(with: "\"hello\"")
      _ = try Reader(path).line(with: "\"hello\"")
    }
    try await second.stop()
    try await second.tearDown()
    afterKill.drop()
  }

  @Test func unfinishedLinesOutliveTheirProcess() throws {
    let lines = try #require(UnfinishedLines(inheriting: nil))
    let rest = [UInt8]("8}\n".utf8)
    let long = [UInt8](repeating: UInt8(ascii: "x"), count: 3 << 20) + [UInt8(ascii: "\n")]
    let tooLong = [UInt8](repeating: UInt8(ascii: "x"), count: UnfinishedLines.restBytesMax) + [UInt8(ascii: "\n")]
    rest.withUnsafeBytes { lines.keep(3, rest: $0) }
    long.withUnsafeBytes { lines.keep(4, rest: $0) }
    tooLong.withUnsafeBytes { lines.keep(5, rest: $0) }
    lines.begin(6)
    "8}".utf8CString.withUnsafeBytes { lines.keep(7, rest: UnsafeRawBufferPointer(rebasing: $0.dropLast())) }
    lines.failedStarts = 7
    let next = try #require(UnfinishedLines(inheriting: dup(lines.descriptor)))
    #expect(next.rest(2) == .nothing)
    #expect(next.rest(3) == .bytes(rest))
    #expect(next.rest(4) == .bytes(long))
    #expect([5, 6, 7].map { next.rest($0) } == [.uncertain, .uncertain, .uncertain])
    #expect(next.rest(UInt32(UnfinishedLines.slotsMax)) == .uncertain)
    #expect(next.failedStarts == 7)
    next.shorten(3, to: 1)
    #expect(lines.rest(3) == .bytes([UInt8(ascii: "\n")]))
    next.finish(3, keptBytes: rest.count)
    next.finish(4, keptBytes: long.count)
    #expect(lines.rest(3) == .nothing && lines.rest(4) == .nothing)
    // Its memory is given back: what is read there now is nothing.
    lines.shorten(4, to: long.count)
    #expect(lines.rest(4) == .uncertain)
    #expect(UnfinishedLines(inheriting: MemoryFile.shared("another", size: 4096)) == nil)
  }

  @Test(arguments: [(0, 0), (16383, 0), (46655, 1295), (46656, 1296), (.max, .max)] as [(UInt32, UInt32)])
  func namesAreShortAndToldApart(slot: UInt32, generation: UInt32) throws {
    let name = DescriptorStore.name(of: SubscriberID(slot: slot, generation: generation))
    #expect(slot > 46655 || name.count <= 6)
    let client = try #require(DescriptorStore.client(named: name))
    #expect(client.slot == slot && client.generation == generation % DescriptorStore.generations)
    for other in ["listener", "lines", "state-3", ".", ".0", ".00", ".0-1", "feed.sock"] {
      #expect(DescriptorStore.client(named: other) == nil)
    }
  }

  @Test func whatMakesStartsFailIsLeftOut() throws {
    var pair: [Int32] = [0, 0]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
    defer { close(pair[0]) }
    var inherited = Inheritance([PassedDescriptor(descriptor: pair[1], name: ".000")])
    inherited.leaveOut(afterFailedStarts: 3)
    #expect(inherited.clients.count == 1 && inherited.state == nil)
    inherited.leaveOut(afterFailedStarts: 4)
    #expect(inherited.clients.isEmpty)
    var byte: UInt8 = 0
    #expect(recv(pair[0], &byte, 1, 0) == 0)
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
