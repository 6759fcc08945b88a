// One connection to the bridge. A thread of its own reads lines and leaves them in the inbox; a queue
// writes requests. Everything public is async and never blocks a thread of the caller.

import Dispatch
import Synchronization

/// A connection to the bridge's Unix socket.
///
/// Messages come as an async sequence, in the bridge's order. Whoever stops reading stops the socket: the bridge then
/// treats this reader as slow, which it will say with a `gap`, or by a `goodbye`.
///
/// ```swift
/// let bridge = try await BridgeConnection.connect(to: .find())
/// try await bridge.subscribe(Subscription("ticker", ["BTC/USD"]))
/// for try await message in bridge.messages {
///   if case .event(let event) = message { print(event.data["last"]?.digits ?? "-") }
/// }
/// ```
public final class BridgeConnection: Sendable {
  /// The bridge's greeting.
  public let hello: Hello
  public let address: BridgeAddress

  let inbox: Inbox
  private let socket: SocketDescriptor
  private let writing = DispatchQueue(label: "kraken-bridge.write")
  private let lastRequestID = Atomic<UInt64>(0)

  private init(address: BridgeAddress, hello: Hello, inbox: Inbox, socket: SocketDescriptor) {
    self.address = address
    self.hello = hello
    self.inbox = inbox
    self.socket = socket
  }

  deinit {
    close()
  }

  /// Connects and waits for the bridge's greeting.
  ///
  /// - Throws: `BridgeError`: nothing there, not permitted, no greeting in time, or not a bridge.
  public static func connect(
    to address: BridgeAddress, timeout: Duration = .seconds(5)
  ) async throws -> BridgeConnection {
    let seconds = max(1, Int(timeout.components.seconds))
    let inbox = Inbox()
    let socket = try await withCheckedThrowingContinuation { (connected: CheckedContinuation<SocketDescriptor, any Error>) in
      startThread {
        do throws(BridgeError) {
          let socket = try SocketDescriptor(connectingTo: address, timeoutSeconds: seconds)
          connected.resume(returning: socket)
          readLines(from: socket, at: address, into: inbox)
        } catch {
          connected.resume(throwing: error)
        }
      }
    }
    do {
      let hello = try await greeting(from: inbox, at: address, timeout: timeout)
      return BridgeConnection(address: address, hello: hello, inbox: inbox, socket: socket)
    } catch {
      inbox.finish(.failure(BridgeError(.closed, "closed")))
      socket.shutDown()
      throw error
    }
  }

  private static func greeting(from inbox: Inbox, at address: BridgeAddress, timeout: Duration) async throws -> Hello {
    let silent = BridgeError(
      .timedOut, "no greeting from \(address)", advice: "is it a kraken-bridge socket? is the daemon overloaded?")
    let first = try await withDeadline(timeout, else: silent) { try await inbox.next() }
    switch first {
    case .hello(let hello):
      return hello
    case .goodbye(let goodbye):
      throw BridgeError(
        .closedByBridge, "the bridge turned this connection away: \(goodbye.reason)",
        advice: goodbye.reason == "limit" ? "too many connections; see: kraken-ctl clients" : nil)
    case .answer(let answer) where !answer.success:
      throw answer.code == "not_permitted"
        ? BridgeError.notPermitted(address)
        : BridgeError(.refused(code: answer.code ?? "internal"), answer.error ?? "the bridge refused the connection")
    default:
      throw BridgeError(.protocolViolation, "\(address) does not greet like kraken-bridge", advice: "check --socket")
    }
  }

  /// Everything the bridge says that is not the answer to a `request` of this connection.
  ///
  /// Ends after the bridge's `goodbye`, or after `close()`; throws `BridgeError` when the connection is lost.
  public var messages: Messages { Messages(inbox: inbox) }

  /// An async sequence of messages; for one consumer at a time.
  public struct Messages: AsyncSequence, AsyncIteratorProtocol, Sendable {
    let inbox: Inbox

    public func makeAsyncIterator() -> Messages { self }

    public func next() async throws -> BridgeMessage? {
      try await inbox.next()
    }
  }

  /// Ends the connection. What has arrived can still be read.
  public func close() {
    inbox.finish(.success(()))
    socket.shutDown()
  }

  /// A number for a request that no other of this connection has.
  func nextRequestID() -> UInt64 {
    lastRequestID.add(1, ordering: .relaxed).newValue
  }

  /// Sends one line as it is; its answers come among the messages. Accepts the plain-text form too.
  public func send(line: [UInt8]) async throws {
    let socket = self.socket
    try await withCheckedThrowingContinuation { (written: CheckedContinuation<Void, any Error>) in
      writing.async {
        do throws(BridgeError) {
          try socket.write(line + [UInt8(ascii: "\n")])
          written.resume()
        } catch {
          written.resume(throwing: error)
        }
      }
    }
  }

  private static func readLines(from socket: SocketDescriptor, at address: BridgeAddress, into inbox: Inbox) {
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    var splitter = LineSplitter()
    var saidGoodbye = false
    while true {
      let count: Int
      do {
        count = try socket.read(into: &buffer)
      } catch {
        return inbox.finish(.failure(error))
      }
      guard count > 0 else {
        return inbox.finish(saidGoodbye ? .success(()) : .failure(.lost(address)))
      }
      var failure: BridgeError?
      var wanted = true
      let outcome = splitter.feed(buffer[..<count]) { line in
        guard wanted, failure == nil else { return }
        guard let message = BridgeMessage(line: line) else {
          failure = BridgeError(.protocolViolation, "\(address) sent a line that is not JSON", advice: "check --socket")
          return
        }
        if case .goodbye = message { saidGoodbye = true }
        wanted = inbox.deliver(message)
      }
      if outcome == .lineTooLong {
        failure = BridgeError(.protocolViolation, "\(address) sent a line over \(LineSplitter.lineBytesMax) bytes")
      }
      if let failure { return inbox.finish(.failure(failure)) }
      if !wanted { return }
    }
  }
}

/// The result of `work`, or `error` when that takes longer than `limit`.
func withDeadline<Value: Sendable>(
  _ limit: Duration, else error: BridgeError, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Value.self) { group in
    group.addTask(operation: work)
    group.addTask {
      try await Task.sleep(for: limit)
      throw error
    }
    defer { group.cancelAll() }
    // Sound: two children were added and the first to end decides.
    return try await group.next()!
  }
}
