// Where the bridge's sockets are. One place knows the search order, so that kraken-ctl, bots and
// tests all look in the same places, and an error can name every place that was tried.

import Glibc

/// The path of one of the bridge's Unix sockets.
public struct BridgeAddress: Sendable, Hashable, CustomStringConvertible {
  /// Linux keeps 108 bytes for a socket path, the last one a NUL.
  public static let pathBytesMax = 107

  public var path: String

  public init(path: String) {
    self.path = path
  }

  public var description: String { path }

  /// The listeners that the bridge opens by itself; a configuration may add others.
  public enum Listener: String, Sendable {
    /// Market data, asked for.
    case bridge = "bridge.sock"
    /// Market data, everything the bridge carries, unasked.
    case feed = "feed.sock"
    /// Account data and orders.
    case `private` = "private.sock"
  }

  /// Looks for the bridge's socket.
  ///
  /// `KRAKEN_BRIDGE_SOCKET` names it outright. Otherwise the first that exists of
  /// `$RUNTIME_DIRECTORY`, `/run/kraken-bridge` and `$XDG_RUNTIME_DIR/kraken-bridge`; when there is none, the path
  /// under `/run`, so that the error names the usual place.
  ///
  /// - Parameters:
  ///   - listener: which of the bridge's own listeners is wanted. `KRAKEN_BRIDGE_SOCKET` names the main one; the
  ///     others are looked for beside it.
  ///   - environment: `nil` for a variable that is not set.
  ///   - exists: whether something is at that path.
  public static func find(
    _ listener: Listener = .bridge,
    environment: (String) -> String? = processEnvironment,
    exists: (String) -> Bool = { access($0, F_OK) == 0 }
  ) -> BridgeAddress {
    if let named = environment("KRAKEN_BRIDGE_SOCKET"), !named.isEmpty {
      let sibling = named.directoryOfPath + listener.rawValue
      return BridgeAddress(path: listener != .bridge && exists(sibling) ? sibling : named)
    }
    let candidates = searchedDirectories(environment: environment).map { $0 + "/" + listener.rawValue }
    return BridgeAddress(path: candidates.first(where: exists) ?? "/run/kraken-bridge/" + listener.rawValue)
  }

  static func searchedDirectories(environment: (String) -> String?) -> [String] {
    var directories: [String] = []
    // systemd separates several runtime directories by colons; the first is the service's own.
    if let own = environment("RUNTIME_DIRECTORY")?.split(separator: ":").first {
      directories.append(String(own))
    }
    directories.append("/run/kraken-bridge")
    if let user = environment("XDG_RUNTIME_DIR"), !user.isEmpty {
      directories.append(user + "/kraken-bridge")
    }
    return directories
  }

  /// The value of an environment variable of this process.
  public static func processEnvironment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}

extension String {
  /// Everything up to and including the last slash; empty without one.
  fileprivate var directoryOfPath: String {
    guard let slash = lastIndex(of: "/") else { return "" }
    return String(self[...slash])
  }
}
