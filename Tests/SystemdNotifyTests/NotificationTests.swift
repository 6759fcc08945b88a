// What arrives at NOTIFY_SOCKET, read back from a datagram socket of the test's own. The variables are those of the
// whole process, so these tests run one after another.

import Glibc
import Testing

@testable import SystemdNotify

@Suite(.serialized)
struct NotificationTests {
  @Test func withoutAManagerNothingHappens() {
    unsetenv("NOTIFY_SOCKET")
    #expect(ServiceManager.notify(.ready, .status("x")) == .noManager)
    #expect(ServiceManager.store([STDERR_FILENO], name: "clients") == .noManager)
    #expect(ServiceManager.barrier(timeout: .seconds(1)) == .noManager)
  }

  @Test(arguments: [
    (ServiceNote.ready, "READY=1"),
    (.status("public online\n3 readers"), "STATUS=public online 3 readers"),
    (.watchdog, "WATCHDOG=1"),
    (.stopping, "STOPPING=1"),
    (.reloading(monotonicMicroseconds: 12), "RELOADING=1\nMONOTONIC_USEC=12"),
    (.extendTimeout(.milliseconds(1500)), "EXTEND_TIMEOUT_USEC=1500000"),
    (.errno(98), "ERRNO=98"),
    (.removeStoredDescriptors(name: "client-7"), "FDSTOREREMOVE=1\nFDNAME=client-7"),
  ])
  func everyNoteArrivesAsItsAssignment(note: ServiceNote, text: String) throws {
    let manager = try FakeManager()
    defer { manager.close() }
    #expect(ServiceManager.notify(note) == .sent)
    #expect(manager.receive()?.text == text)
  }

  @Test func severalNotesTravelTogether() throws {
    let manager = try FakeManager()
    defer { manager.close() }
    #expect(ServiceManager.notify(.ready, .status("up")) == .sent)
    #expect(manager.receive()?.text == "READY=1\nSTATUS=up")
  }

  @Test func storedDescriptorsArriveWithTheirName() throws {
    let manager = try FakeManager()
    defer { manager.close() }
    var pair: [Int32] = [0, 0]
    try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
    #expect(ServiceManager.store(pair, name: "clients") == .sent)
    let message = try #require(manager.receive())
    #expect(message.text == "FDSTORE=1\nFDNAME=clients")
    #expect(message.descriptors.count == 2)
    for descriptor in message.descriptors {
      #expect(PassedDescriptor(descriptor: descriptor, name: "clients").isUnixConnection)
    }
    for descriptor in message.descriptors + pair { Glibc.close(descriptor) }
  }

  @Test func moreDescriptorsThanOneMessageCarriesGoInSeveral() throws {
    let manager = try FakeManager()
    defer { manager.close() }
    let copies = (0..<ServiceManager.descriptorsPerMessageMax + 2).map { _ in dup(STDERR_FILENO) }
    defer { for copy in copies { Glibc.close(copy) } }
    #expect(ServiceManager.store(copies, name: "clients") == .sent)
    let counts = [manager.receive(), manager.receive()].map { message in
      for descriptor in message?.descriptors ?? [] { Glibc.close(descriptor) }
      return message?.descriptors.count
    }
    #expect(counts == [ServiceManager.descriptorsPerMessageMax, 2])
  }

  @Test func aReceiptComesWhenTheManagerLetsGoOfItsEnd() throws {
    #expect(ManagerReceipt() == nil)
    let manager = try FakeManager()
    defer { manager.close() }
    ServiceManager.notify(.ready)
    let receipt = try #require(ManagerReceipt())
    #expect(!receipt.hasCome)
    #expect(manager.receive()?.text == "READY=1")
    let message = try #require(manager.receive())
    #expect(message.text == "BARRIER=1")
    #expect(message.descriptors.count == 1)
    #expect(!receipt.hasCome)
    for descriptor in message.descriptors { Glibc.close(descriptor) }
    #expect(receipt.hasCome)
  }

  @Test func aManagerThatIsGoneIsReported() throws {
    let manager = try FakeManager()
    manager.close()
    setenv("NOTIFY_SOCKET", manager.path, 1)
    defer { unsetenv("NOTIFY_SOCKET") }
    #expect(ServiceManager.notify(.ready) == .failed(ENOENT))
  }

  @Test func theWatchdogIsForThisProcessOnly() {
    setenv("WATCHDOG_USEC", "700000", 1)
    setenv("WATCHDOG_PID", "\(getpid())", 1)
    defer {
      unsetenv("WATCHDOG_USEC")
      unsetenv("WATCHDOG_PID")
    }
    #expect(Watchdog.requested() == Watchdog(interval: .milliseconds(700)))
    setenv("WATCHDOG_PID", "1", 1)
    #expect(Watchdog.requested() == nil)
    unsetenv("WATCHDOG_USEC")
    #expect(Watchdog.requested() == nil)
  }

  @Test func descriptorsForAnotherProcessAreNotTaken() {
    setenv("LISTEN_FDS", "1", 1)
    setenv("LISTEN_PID", "1", 1)
    defer {
      unsetenv("LISTEN_FDS")
      unsetenv("LISTEN_PID")
    }
    #expect(PassedDescriptor.takeAll().isEmpty)
  }

  @Test func standardErrorIsTheJournalOnlyIfDeviceAndInodeMatch() throws {
    var status = stat()
    try #require(fstat(STDERR_FILENO, &status) == 0)
    setenv("JOURNAL_STREAM", "\(status.st_dev):\(status.st_ino)", 1)
    #expect(Journal.isStandardError)
    setenv("JOURNAL_STREAM", "\(status.st_dev):\(status.st_ino + 1)", 1)
    #expect(!Journal.isStandardError)
    unsetenv("JOURNAL_STREAM")
    #expect(!Journal.isStandardError)
  }
}

struct PassedDescriptorTests {
  @Test func theKernelIsAskedWhatADescriptorIs() throws {
    let path = "/tmp/kb-\(getpid())-passed.sock"
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer {
      close(descriptor)
      unlink(path)
    }
    var address = FakeManager.address(path)
    unlink(path)
    try #require(FakeManager.bind(descriptor, &address) == 0)
    let passed = PassedDescriptor(descriptor: descriptor, name: "bridge")
    #expect(!passed.isUnixListener())
    try #require(listen(descriptor, 1) == 0)
    #expect(passed.isUnixListener())
    #expect(passed.isUnixListener(boundTo: path))
    #expect(!passed.isUnixListener(boundTo: path + "x"))
    #expect(!passed.isUnixConnection)
    #expect(!PassedDescriptor(descriptor: -1, name: "none").isUnixListener())
  }
}
