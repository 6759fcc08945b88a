// A Unix socket that serves a recording. One pair of threads per reader: one takes requests, one plays
// the recording. Blocking writes are the backpressure: a reader that stops stops its own replay.

import Dispatch
import Glibc
import KrakenBridgeClient
import Synchronization

/// A listening Unix socket; its file goes with it.
final class UnixListener: Sendable {
  let path: String
  private let descriptor: Int32

  init(path: String) throws {
    var name = sockaddr_un()
    name.sun_family = sa_family_t(AF_UNIX)
    guard (1...BridgeAddress.pathBytesMax).contains(path.utf8.count) else {
      throw CommandFailure(.usage, "\(path) cannot be a socket path", advice: "it must have 1 to \(BridgeAddress.pathBytesMax) bytes")
    }
    // Sound: the check above keeps the copy inside sun_path.
    withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
    self.path = path
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)

    // Sound: the pointer is to a sockaddr_un of exactly the length given and lives for the call.
    func with(_ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
      withUnsafePointer(to: &name) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
      }
    }
    if with(bind) != 0, errno == EADDRINUSE {
      // What is thrown leaves closing to deinit, which runs because every property is set.
      guard with(connect) != 0, errno == ECONNREFUSED else {
        throw CommandFailure(.cannotCreate, "\(path) is in use", advice: "choose another --socket")
      }
      // Left behind by somebody who is gone.
      unlink(path)
      errno = 0
      _ = with(bind)
    }
    guard listen(descriptor, 64) == 0 else {
      throw CommandFailure(.cannotCreate, "cannot listen at \(path): \(String(cString: strerror(errno)))")
    }
  }

  /// The next connection; `nil` once stopped.
  func accept() -> Int32? {
    while true {
      let connection = Glibc.accept(descriptor, nil, nil)
      if connection >= 0 {
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        return connection
      }
      guard errno == EINTR || errno == ECONNABORTED else { return nil }
    }
  }

  func stop() {
    shutdown(descriptor, Int32(SHUT_RDWR))
    unlink(path)
  }

  deinit {
    close(descriptor)
  }
}

/// One connection of a reader to a replay.
final class ReplayReader: Sendable {
  private let connection: Int32
  private let session: Mutex<ReplaySession>
  private let started = DispatchSemaphore(value: 0)

  init(connection: Int32, session: ReplaySession) {
    self.connection = connection
    self.session = Mutex(session)
  }

  deinit {
    close(connection)
  }

  /// Greets and answers requests until the reader closes its side. Blocks.
  func answerRequests() {
    session.withLock { _ = write($0.hello) }
    var pending: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(connection, &buffer, buffer.count, 0)
      if count < 0, errno == EINTR { continue }
      guard count > 0, pending.count < 64 << 10 else { break }
      pending += buffer[..<count]
      while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: pending[..<end], as: UTF8.self)
        pending.removeSubrange(...end)
        answer(line.last == "\r" ? String(line.dropLast()) : line)
      }
    }
    started.signal()
  }

  private func answer(_ line: String) {
    session.withLock { session in
      for answer in session.receive(line) { write(answer) }
      if session.isRunning { started.signal() }
    }
  }

  /// Waits for the first subscription, then plays the files once. Blocks. False if the reader left before the end.
  func play(_ files: [String], speed: Double?) throws -> Bool {
    started.wait()
    guard session.withLock({ $0.isRunning }) else { return false }
    // A program that wants several topics asks for them one after the other: let it finish.
    while started.wait(timeout: .now() + .milliseconds(100)) == .success {}
    var clock = ReplayClock(speed: speed)
    for file in files {
      let recording = try RecordingReader(path: file)
      while let line = try recording.next() {
        guard let message = BridgeMessage(line: line) else { continue }
        let wait = clock.wait(received: message.received, now: monotonicSeconds())
        if wait > 0 { usleep(UInt32(min(wait, 4000) * 1e6)) }
        let isThere = session.withLock { $0.play(message) ? write(line) : true }
        if !isThere { return false }
      }
    }
    return true
  }

  /// The last line. Only our side ends: a request that is still on its way must not fail.
  func sayGoodbye() {
    session.withLock { _ in _ = write(Array(#"{"channel":"bridge","type":"goodbye","data":{"reason":"shutdown"}}"#.utf8)) }
    shutdown(connection, Int32(SHUT_WR))
  }

  /// Writes a line; false once the reader is gone.
  @discardableResult
  private func write(_ line: [UInt8]) -> Bool {
    let bytes = line + [UInt8(ascii: "\n")]
    var written = 0
    while written < bytes.count {
      // Sound: the slice lies inside the array.
      let count = bytes[written...].withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      if count >= 0 { written += count } else if errno != EINTR { return false }
    }
    return true
  }
}

extension BridgeMessage {
  /// When the bridge read it, for lines that say so.
  var received: String? {
    if case .event(let event) = self { event.received } else { line.json["received"]?.string }
  }
}
