// A bridge for tests: a real Unix socket on a temporary path, whose every connection is a script of
// lines to send and lines to wait for. Each test has its own, so nothing is shared and nothing has
// to be waited for by the clock.

import Glibc
import Synchronization

/// A listening Unix socket that plays a script to each connection, in the order in which they come.
public final class ScriptedBridge: Sendable {
  public typealias Script = @Sendable (Peer) -> Void

  public let path: String
  private let directory: String
  private let listener: Int32
  private let scripts: Mutex<[Script]>

  /// - Parameter scripts: one for each expected connection; the last is used for all that follow.
  public init(_ scripts: Script...) {
    var template = Array("/tmp/kraken-bridge-test-XXXXXX".utf8CString)
    // Sound: mkdtemp changes the array in place within its length.
    directory = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    path = directory + "/bridge.sock"
    self.scripts = Mutex(scripts)
    listener = Self.listen(at: path)
    startThread { self.accept() }
  }

  /// Stops listening and removes the socket: from now on there is no daemon.
  public func stop() {
    shutdown(listener, Int32(SHUT_RDWR))
    unlink(path)
    rmdir(directory)
  }

  private static func listen(at path: String) -> Int32 {
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    precondition(path.utf8.count < 108)
    // Sound: the path is shorter than sun_path.
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
    let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    let bound = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
    precondition(bound == 0 && Glibc.listen(listener, 16) == 0)
    return listener
  }

  private func accept() {
    while true {
      let connection = Glibc.accept(listener, nil, nil)
      guard connection >= 0 else { break }
      _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
      let script = scripts.withLock { scripts -> Script? in
        scripts.count > 1 ? scripts.removeFirst() : scripts.first
      }
      startThread {
        let peer = Peer(connection)
        script?(peer)
        peer.close()
      }
    }
    Glibc.close(listener)
  }
}

/// The bridge's end of one connection. Used by one script only.
public final class Peer {
  private let descriptor: Int32
  private var pending: [UInt8] = []

  init(_ descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// The greeting every connection begins with.
  public func greet(seq: UInt64 = 1000) {
    send(
      #"{"channel":"bridge","type":"hello","seq":\#(seq),"data":{"version":"9.8.7","protocol":1,"scope":["market"],"upstreams":{"public":"online","private":"disabled"}}}"#
    )
  }

  /// Writes a line; false once the other side is gone.
  @discardableResult
  public func send(_ line: String) -> Bool {
    sendRaw(Array(line.utf8) + [0x0A])
  }

  @discardableResult
  public func sendRaw(_ bytes: [UInt8]) -> Bool {
    var written = 0
    while written < bytes.count {
      // Sound: the slice lies inside the array.
      let count = bytes[written...].withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      guard count > 0 else { return false }
      written += count
    }
    return true
  }

  /// From now on whatever the other side writes fails at its end, as if this side had closed; lines can still be sent.
  public func stopListening() {
    shutdown(descriptor, Int32(SHUT_RD))
  }

  /// The next line from the other side, without its LF; `nil` at the end.
  public func receive() -> String? {
    while true {
      if let end = pending.firstIndex(of: 0x0A) {
        let line = String(decoding: pending[..<end], as: UTF8.self)
        pending.removeSubrange(...end)
        return line
      }
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { return nil }
      pending += buffer[..<count]
    }
  }

  /// Answers requests until the other side goes away. `answer` gets the method and the line; its lines are sent with the
  /// request's `req_id` in place of `$ID`. Pings are answered here.
  public func serve(_ answer: (_ method: String, _ line: String) -> [String]) {
    while let line = receive() {
      let id = Self.member("req_id", of: line) ?? "0"
      let method = Self.member("method", of: line) ?? line
      let lines = method == "ping" ? [#"{"method":"pong","success":true,"req_id":$ID}"#] : answer(method, line)
      for line in lines where !send(line.split(separator: "$ID", omittingEmptySubsequences: false).joined(separator: id)) { return }
    }
  }

  /// The plain text of a member of a flat request line.
  public static func member(_ name: String, of line: String) -> String? {
    guard let key = line.firstRange(of: "\"\(name)\":") else { return nil }
    let rest = line[key.upperBound...]
    if rest.hasPrefix("\"") { return rest.dropFirst().split(separator: "\"", maxSplits: 1, omittingEmptySubsequences: false).first.map { String($0) } }
    return String(rest.prefix { $0 != "," && $0 != "}" })
  }

  func close() {
    Glibc.close(descriptor)
  }
}

/// Runs a script on a thread of its own: scripts block, and Dispatch's threads would run out with many bridges at once.
private func startThread(_ work: @escaping @Sendable () -> Void) {
  let box = Unmanaged.passRetained(Work(work))
  var thread = pthread_t()
  // Sound: the box is retained for the new thread, which takes it over exactly once.
  let outcome = pthread_create(&thread, nil, { Unmanaged<Work>.fromOpaque($0!).takeRetainedValue().body(); return nil }, box.toOpaque())
  precondition(outcome == 0)
  pthread_detach(thread)
}

private final class Work: Sendable {
  let body: @Sendable () -> Void

  init(_ body: @escaping @Sendable () -> Void) {
    self.body = body
  }
}
