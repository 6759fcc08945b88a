// What can go wrong between a program and the bridge. Every error says what happened and what to do
// next, because most people meet these lines at a terminal with the service down.

/// Why the bridge could not be reached, or a request was not answered as hoped.
public struct BridgeError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Code: Sendable, Equatable {
    /// Nothing listens at the path: no such socket, or a socket file left behind by a dead daemon.
    case unreachable
    /// The socket's file mode or the bridge's list of allowed users keeps this process out.
    case notPermitted
    /// The path is longer than a socket path may be.
    case badAddress
    /// The connection ended without a `goodbye`.
    case connectionLost
    /// The bridge said `goodbye`; the message carries its reason.
    case closedByBridge
    /// Something answered that does not speak this protocol.
    case protocolViolation
    /// No answer within the time allowed.
    case timedOut
    /// The bridge answered with `"success":false`; the message carries its text.
    case refused(code: String)
    /// This connection was closed by this program.
    case closed
    /// An operating system call failed for another reason.
    case system(errno: Int32)
  }

  public var code: Code
  /// What happened, in one line.
  public var message: String
  /// What to do next, in one line; `nil` when there is nothing to advise.
  public var advice: String?

  public init(_ code: Code, _ message: String, advice: String? = nil) {
    self.code = code
    self.message = message
    self.advice = advice
  }

  public var description: String {
    advice.map { "\(message): \($0)" } ?? message
  }

  /// Whether the same attempt may succeed later without anybody changing anything.
  public var isWorthRetrying: Bool {
    switch code {
    case .unreachable, .connectionLost, .closedByBridge, .timedOut, .system: true
    case .notPermitted, .badAddress, .protocolViolation, .refused, .closed: false
    }
  }

  static func unreachable(_ address: BridgeAddress) -> BridgeError {
    BridgeError(
      .unreachable, "no daemon at \(address)",
      advice: "is the service running? try: systemctl status kraken-bridge")
  }

  static func notPermitted(_ address: BridgeAddress) -> BridgeError {
    BridgeError(
      .notPermitted, "not permitted to connect to \(address)",
      advice: "the socket's mode, group or allow-uids keeps this user out; see: ls -l \(address)")
  }

  static func lost(_ address: BridgeAddress) -> BridgeError {
    BridgeError(
      .connectionLost, "the connection to \(address) was lost",
      advice: "see why with: journalctl -u kraken-bridge -e")
  }
}
