// Where a running daemon's settings come from: its flags, its environment and its file. Read at the start, and
// again for each reload.

import Glibc

public struct ConfigurationSource: Sendable {
  private let path: String?
  private let flags: SettingsFlags

  /// - Parameter path: as given with --config; nil for the usual place.
  public init(path: String?, flags: SettingsFlags) {
    self.path = path
    self.flags = flags
  }

  public func read() throws(InvalidSettings) -> Settings {
    let facts = ProcessFacts.current
    let given = path ?? facts.nonEmpty(SettingsSource.environmentPrefix + "CONFIG")
    let path = given ?? StandardPaths.configuration
    let problem: SettingProblem
    switch FileSystem.read(path, bytesMax: 1 << 20) {
    case .contents(let bytes):
      if let yaml = String(validating: bytes, as: UTF8.self) {
        return try Settings.read(flags: flags, path: path, yaml: yaml, facts: facts)
      }
      problem = SettingProblem(origin: path, key: "", message: "not UTF-8")
    case .absent where given == nil:
      return try Settings.read(flags: flags, path: path, yaml: nil, facts: facts)
    case .absent:
      problem = SettingProblem(origin: path, key: "", message: "there is no such file")
    case .failed(let why):
      problem = SettingProblem(origin: path, key: "", message: "cannot be read: \(why)")
    }
    throw InvalidSettings(problems: [problem])
  }
}

extension ProcessFacts {
  /// This process and this machine.
  public static var current: ProcessFacts {
    ProcessFacts(
      environment: variables, uid: geteuid(), isWritableDirectory: { FileSystem.isWritableDirectory($0) },
      fileExists: { FileSystem.isReadableFile($0) }, groupID: { FileSystem.groupID(named: $0) },
      trustRootFault: { TrustRoots.fault(in: $0) },
      credentialFault: { Credentials.fault(in: $0, isSystemds: $1) }, commandFault: { Command($0).fault })
  }

  static var variables: [String: String] {
    var variables: [String: String] = [:]
    var next = environ
    while let entry = next.pointee {
      let text = String(cString: entry)
      if let equals = text.firstIndex(of: "=") {
        variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
      }
      next += 1
    }
    return variables
  }
}
