// The daemon's lifetime: prepare the process, open the listeners, run the loop, obey signals, leave.
//
// Signals are blocked in every thread and taken one after another by the main thread, which has nothing else to
// do; so a handler never runs in the middle of anything.

import BridgeCore
import Glibc
import Logging
import MarketData
import NIOCore
import NIOPosix
import SystemdNotify

/// Why the daemon could not start, with its exit status as in sysexits.h.
public struct DaemonFailure: Error {
  public var exitStatus: Int32
  public var message: String

  public init(exitStatus: Int32, message: String) {
    self.exitStatus = exitStatus
    self.message = message
  }

  public static func cannotBind(_ message: String) -> DaemonFailure { .init(exitStatus: 71, message: message) }
  public static func `internal`(_ message: String) -> DaemonFailure { .init(exitStatus: 70, message: message) }
}

public enum Daemon {
  private static let stopSignals = [SIGTERM, SIGINT]
  private static let reloadSignal = SIGHUP
  /// With KRAKEN_BRIDGE_TEST_WEDGE in the environment this one stops the loop for good, as a bug might, so that the
  /// service manager's watchdog can be seen to work.
  private static let wedgeSignal = SIGUSR1

  /// Prepares the process. To be called before any other thread exists, so that all inherit the signal mask.
  public static func prepareProcess() {
    signal(SIGPIPE, SIG_IGN)
    // Credentials live in this process: no core dumps, no debugger of the same user.
    ProcessPrivacy.forbidDumps()
    var noCore = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &noCore)
    var set = signals
    pthread_sigmask(SIG_BLOCK, &set, nil)
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max {
      limit.rlim_cur = limit.rlim_max
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
  }

  private static var signals: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for number in stopSignals + [reloadSignal] { sigaddset(&set, number) }
    if getenv("KRAKEN_BRIDGE_TEST_WEDGE") != nil { sigaddset(&set, wedgeSignal) }
    return set
  }

  /// Serves until a signal says stop.
  /// - Parameter reread: reads the configuration again, for a reload.
  public static func run(
    settings: Settings, version: String, logger: Logger,
    reread: @escaping @Sendable () throws(InvalidSettings) -> Settings
  ) throws(DaemonFailure) {
    for warning in settings.warnings { logger.warning("\(warning)") }
    let credentials: Credentials?
    do throws(CredentialFault) {
      credentials = try Credentials.read(settings.credentials)
    } catch {
      throw DaemonFailure(exitStatus: 78, message: error.message)
    }
    var inherited = Inheritance(PassedDescriptor.takeAll())
    let sockets = try openListeners(settings, passed: inherited.others, logger)
    let store = descriptorStore(settings, &inherited, logger)
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let eventLoop = group.next()
    let handedOver = Transfer((sockets: sockets, store: store, inherited: inherited))
    do {
      let loop = try eventLoop.submit {
        let parts = DaemonLoop.Parts(
          settings: settings, credentials: credentials, version: version, sockets: handedOver.value.sockets,
          reread: reread, makeLogger: StandardErrorLog.logger, processID: getpid(), userID: getuid(),
          watchdog: Watchdog.requested(), memoryPressure: MemoryPressure.requested(),
          notify: { ServiceManager.notify($0) },
          store: handedOver.value.store, inherited: handedOver.value.inherited)
        return NIOLoopBound(DaemonLoop(parts, eventLoop: eventLoop), eventLoop: eventLoop)
      }.wait()
      try eventLoop.flatSubmit { loop.value.start() }.wait()
      waitForStop { number in
        eventLoop.execute {
          if number == wedgeSignal { while true { sleep(1) } }
          _ = loop.value.reload()
        }
      }
      try eventLoop.flatSubmit { loop.value.stop() }.wait()
      // The thread ends with the process, and calls the loop until then. NIO would wait for its end on a Dispatch queue,
      // whose threads want priorities that the service's sandbox does not give, and complain.
      try eventLoop.submit {
        loop.value.dissolve()
        _ = Unmanaged.passRetained(loop.value)
      }.wait()
    } catch {
      throw .internal("\(error)")
    }
  }

  /// Says on standard error, and to the service manager, why there is no daemon.
  public static func reportFailure(_ message: String, exitStatus: Int32) {
    let lines = message.split(whereSeparator: \.isNewline)
    if Journal.isStandardError {
      let event = exitStatus == 78 ? [(LogFormat.eventField, LogRecord.Event.configurationRefused.rawValue)] : []
      Journal.send(LogFormat.journal(.critical, message, event).map { (name: $0.0, value: $0.1) })
    } else {
      let text = lines.map { "kraken-bridged: \($0)\n" }.joined()
      _ = Array(text.utf8).withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
    let first = lines.first.map(String.init) ?? message
    ServiceManager.notify(.status(first), .errno(exitStatus == 71 ? EADDRINUSE : EINVAL))
  }

  /// Sleeps until a signal asks to stop; every other one before that is passed on.
  private static func waitForStop(other: (Int32) -> Void) {
    var set = signals
    while true {
      var number: Int32 = 0
      guard sigwait(&set, &number) == 0 else { continue }
      if stopSignals.contains(number) { return }
      other(number)
    }
  }

  /// What the manager keeps for us, if it does: FileDescriptorStoreMax= is told in FDSTORE, by systemd 254 itself and
  /// by our unit before that.
  private static func descriptorStore(
    _ settings: Settings, _ inherited: inout Inheritance, _ logger: Logger
  ) -> DescriptorStore? {
    guard getenv("NOTIFY_SOCKET") != nil, let capacity = getenv("FDSTORE").flatMap({ Int(String(cString: $0)) }),
      capacity > 0
    else {
      for client in inherited.clients { close(client.descriptor) }
      inherited = Inheritance()
      return nil
    }
    if capacity < settings.limits.connections + DescriptorStore.reserve {
      logger.warning(
        """
        FileDescriptorStoreMax= is \(capacity): with limits.connections \(settings.limits.connections) some readers may \
        not survive a restart
        """)
    }
    let store = DescriptorStore(capacity: capacity, inherited: inherited)
    if let unfinished = store.unfinished {
      inherited.leaveOut(afterFailedStarts: unfinished.failedStarts)
      if unfinished.failedStarts >= Inheritance.startsWithStateMax {
        logger.error(
          "\(unfinished.failedStarts) starts failed; going on without what the process before knew of its readers")
      }
      unfinished.failedStarts += 1
    }
    return store
  }

  private static func openListeners(
    _ settings: Settings, passed: [PassedDescriptor], _ logger: Logger
  ) throws(DaemonFailure) -> [ListeningSocket] {
    let isActivated = passed.contains { $0.name != DescriptorStore.listenerName && $0.isUnixListener() }
    var opened: [ListeningSocket] = []
    for listener in settings.listeners {
      do throws(ListenError) {
        opened.append(try listener.open(passed: passed))
      } catch {
        for socket in opened { socket.discard() }
        // Where socket units make sockets, the service itself may have no right to.
        let advice = "; or should a socket unit hold it: ListenStream=\(listener.path)?"
        throw .cannotBind(error.description + (isActivated ? advice : ""))
      }
    }
    for extra in passed where !opened.contains(where: { [$0.descriptor, $0.predecessor].contains(extra.descriptor) }) {
      logger.warning("descriptor \"\(extra.name)\" from the service manager fits no configured listener; closed")
      close(extra.descriptor)
    }
    return opened
  }
}

/// Hands something to another thread for good: the sender does not touch it again.
struct Transfer<Value>: @unchecked Sendable {
  // Sound as long as that promise is kept; `run` gives its sockets to the event loop and forgets them.
  let value: Value

  init(_ value: Value) { self.value = value }
}

extension ListenerSettings {
  /// Takes the socket that the service manager holds for this listener, or makes one.
  ///
  /// A passed socket is ours when it is bound to our path. One bound elsewhere is recognised by its name, which
  /// is then that of our socket file, with or without `.sock`.
  func open(passed: [PassedDescriptor]) throws(ListenError) -> ListeningSocket {
    let listening = passed.filter { $0.isUnixListener() }
    let fileName = path.split(separator: "/").last.map(String.init) ?? path
    let names = [fileName, fileName.hasSuffix(".sock") ? String(fileName.dropLast(5)) : fileName]
    if let found = listening.first(where: { $0.isUnixListener(boundTo: path) })
      ?? listening.first(where: { names.contains($0.name) })
    {
      let isOurs = found.name == DescriptorStore.listenerName
      // Nobody finds one that we kept ourselves when the manager has removed its directory. But some may have found it.
      if isOurs, !FileSystem.isSocketFile(path) {
        let socket = try ListeningSocket(path: path, mode: mode, group: try groupID())
        socket.predecessor = found.descriptor
        return socket
      }
      let socket = ListeningSocket(adopting: found.descriptor, path: path, isOurs: isOurs)
      // The configuration may have changed since it was bound.
      if let fault = socket.setAccess(mode: mode, group: try groupID()) { throw ListenError(description: fault) }
      return socket
    }
    return try ListeningSocket(path: path, mode: mode, group: try groupID())
  }

  func groupID() throws(ListenError) -> UInt32? {
    guard let group else { return nil }
    guard let id = UInt32(group) ?? FileSystem.groupID(named: group) else {
      throw ListenError(description: "there is no group \(group), which was to own \(path)")
    }
    return id
  }
}
