// Where things are when nothing is configured: systemd's directories when it gives some, the system's for
// root, the user's own otherwise.

/// What the settings need to know of the process and the machine. Handed in, so that reading them is pure.
public struct ProcessFacts: Sendable {
  public var environment: [String: String]
  public var uid: UInt32
  public var isWritableDirectory: @Sendable (String) -> Bool
  public var fileExists: @Sendable (String) -> Bool
  /// The id of a group by name.
  public var groupID: @Sendable (String) -> UInt32?
  /// What is wrong with a PEM file of trust roots, or nil.
  public var trustRootFault: @Sendable (String) -> String?
  /// What is wrong with the key and secret of a directory, or nil; the second says whether it is systemd's.
  public var credentialFault: @Sendable (String, Bool) -> String?
  /// What is wrong with a program of the user's, or nil.
  public var commandFault: @Sendable (String) -> String?

  public init(
    environment: [String: String], uid: UInt32,
    isWritableDirectory: @escaping @Sendable (String) -> Bool, fileExists: @escaping @Sendable (String) -> Bool,
    groupID: @escaping @Sendable (String) -> UInt32?, trustRootFault: @escaping @Sendable (String) -> String?,
    credentialFault: @escaping @Sendable (String, Bool) -> String?,
    commandFault: @escaping @Sendable (String) -> String?
  ) {
    self.environment = environment
    self.uid = uid
    self.isWritableDirectory = isWritableDirectory
    self.fileExists = fileExists
    self.groupID = groupID
    self.trustRootFault = trustRootFault
    self.credentialFault = credentialFault
    self.commandFault = commandFault
  }
}

public struct StandardPaths: Sendable, Equatable {
  public static let configuration = "/etc/kraken-bridge/config.yaml"

  public var runtimeDirectory: String
  public var stateDirectory: String

  public init(_ facts: ProcessFacts) {
    func directory(systemd: String, system: String, user: () -> String?) -> String {
      // systemd gives a colon-separated list when a unit asks for several; the first is ours.
      if let given = facts.nonEmpty(systemd)?.split(separator: ":").first { return String(given) }
      if facts.uid == 0 || facts.isWritableDirectory(system) { return system }
      return user() ?? system
    }
    runtimeDirectory = directory(systemd: "RUNTIME_DIRECTORY", system: "/run/kraken-bridge") {
      facts.nonEmpty("XDG_RUNTIME_DIR").map { $0 + "/kraken-bridge" }
    }
    stateDirectory = directory(systemd: "STATE_DIRECTORY", system: "/var/lib/kraken-bridge") {
      facts.nonEmpty("XDG_STATE_HOME").map { $0 + "/kraken-bridge" }
        ?? facts.nonEmpty("HOME").map { $0 + "/.local/state/kraken-bridge" }
    }
  }
}

extension ProcessFacts {
  func nonEmpty(_ variable: String) -> String? {
    environment[variable].flatMap { $0.isEmpty ? nil : $0 }
  }
}
