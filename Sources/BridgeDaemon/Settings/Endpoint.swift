// A server's address as the configuration gives it: scheme, host, port and path.
//
// Only what the bridge can use is accepted. Plain-text schemes are for the local machine alone (a simulator,
// a test): anywhere else they would let the network rewrite prices unseen.

/// A WebSocket or HTTP endpoint.
public struct Endpoint: Sendable, Hashable {
  public enum Kind: Sendable { case webSocket, http }

  public var isSecure: Bool
  /// Without the brackets of an IPv6 address.
  public var host: String
  public var port: Int
  /// Begins with a slash; with the query, if any.
  public var path: String
  public var kind: Kind

  /// What is wrong with a URL, in words that fit after "KEY is VALUE:".
  public struct Fault: Error, Equatable {
    public var message: String
  }

  /// Reads `text` as a URL of the given kind.
  public init(_ text: String, kind: Kind) throws(Fault) {
    let schemes = kind == .webSocket ? (plain: "ws", secure: "wss") : (plain: "http", secure: "https")
    let allowed = "allowed is \(schemes.secure)://HOST[:PORT][/PATH], and \(schemes.plain):// for this machine only"
    guard let separator = text.range(of: "://") else { throw Fault(message: allowed) }
    let scheme = text[..<separator.lowerBound].lowercased()
    guard scheme == schemes.plain || scheme == schemes.secure else { throw Fault(message: allowed) }
    self.kind = kind
    isSecure = scheme == schemes.secure

    let rest = text[separator.upperBound...]
    let authorityEnd = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
    let authority = rest[..<authorityEnd]
    let path = rest[authorityEnd...]
    guard !authority.contains("@") else { throw Fault(message: "a user name or password does not belong here") }
    guard !path.contains("#") else { throw Fault(message: "a fragment (#) does not belong here") }
    guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw Fault(message: "only printable ASCII characters are allowed")
    }
    self.path = path.first == "/" ? String(path) : "/" + path

    let portText: Substring?
    if authority.first == "[" {
      guard let bracket = authority.firstIndex(of: "]") else { throw Fault(message: "the bracket is not closed") }
      host = String(authority[authority.index(after: authority.startIndex)..<bracket])
      let afterHost = authority[authority.index(after: bracket)...]
      guard afterHost.isEmpty || afterHost.first == ":" else { throw Fault(message: allowed) }
      portText = afterHost.isEmpty ? nil : afterHost.dropFirst()
    } else if let colon = authority.firstIndex(of: ":") {
      host = authority[..<colon].lowercased()
      portText = authority[authority.index(after: colon)...]
    } else {
      host = authority.lowercased()
      portText = nil
    }
    guard !host.isEmpty else { throw Fault(message: "the host is missing; \(allowed)") }
    if let portText {
      guard let port = Int(portText), (1...65535).contains(port), portText.allSatisfy(\.isNumber) else {
        throw Fault(message: "the port must be a number from 1 to 65535")
      }
      self.port = port
    } else {
      port = isSecure ? 443 : 80
    }
    guard isSecure || isLoopback else {
      throw Fault(
        message: "\(schemes.plain):// is allowed for 127.0.0.1, ::1 and localhost only; use \(schemes.secure)://")
    }
  }

  /// Whether the host can only be this machine. Names other than `localhost` are not looked up.
  public var isLoopback: Bool {
    if host == "localhost" || host == "::1" { return true }
    let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
    return numbers.count == 4 && numbers[0] == "127" && numbers.allSatisfy { UInt8($0) != nil }
  }

  /// Whether the host is a literal address: such hosts are not sent as SNI.
  public var isAddress: Bool {
    let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
    return host.contains(":") || numbers.count == 4 && numbers.allSatisfy { UInt8($0) != nil }
  }

  /// `host:port` for the Host header, the port left out where it is the scheme's own.
  public var authority: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
  }

  /// The URL again, in its normal form.
  public var text: String {
    let scheme = kind == .webSocket ? (isSecure ? "wss" : "ws") : (isSecure ? "https" : "http")
    return "\(scheme)://\(authority)\(path)"
  }
}

extension String {
  /// Where `needle` first occurs.
  fileprivate func range(of needle: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(needle) { return start..<index(start, offsetBy: needle.count) }
      start = index(after: start)
    }
    return nil
  }
}
