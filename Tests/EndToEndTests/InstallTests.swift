// What scripts/install puts on a machine, scripts/uninstall takes away, and what comes along: the configuration and the
// manual are checked against the program that they describe.

import Foundation
import Testing

@Suite struct InstallTests {
  static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  @Test func installingTwiceEqualsOnceAndUninstallingLeavesNothing() throws {
    let root = try Root(programs: Programs.folder.path)
    try root.run("install", ["--no-build"])
    let once = try root.files()
    #expect(once["usr/local/bin/kraken-bridged"]?.mode == 0o755)
    #expect(once["usr/local/lib/systemd/system/kraken-bridge.service"]?.text.contains("=/usr/local/bin/kraken-ctl") == true)
    #expect(once["usr/local/lib/systemd/system/kraken-bridge.socket"] == nil)
    #expect(once["etc/kraken-bridge/config.yaml"]?.text.contains("BTC/USD") == true)
    for page in ["man8/kraken-bridged.8", "man1/kraken-ctl.1", "man1/kraken-sim.1", "man5/kraken-bridge.conf.5", "man7/kraken-bridge-protocol.7"] {
      #expect(once["usr/local/share/man/\(page)"]?.mode == 0o644, "\(page)")
    }
    for program in ["kraken-bridged", "kraken-ctl", "kraken-sim"] {
      for completion in [
        "bash-completion/completions/\(program)", "zsh/site-functions/_\(program)", "fish/vendor_completions.d/\(program).fish",
      ] {
        #expect(once["usr/local/share/\(completion)"]?.text.contains(program) == true, "\(completion)")
      }
    }
    #expect(once["usr/lib/systemd/catalog/kraken-bridge.catalog"]?.text.contains("Subject:") == true)
    #expect(once["usr/local/share/doc/kraken-bridge/credentials.conf"]?.text.contains("LoadCredential=") == true)
    // Nothing is enabled without being asked.
    #expect(!once.keys.contains { $0.contains(".wants/") })
    try root.run("install", ["--no-build"])
    #expect(try root.files() == once)
    try root.run("uninstall")
    #expect(try root.everything().isEmpty)
    try root.run("uninstall")
  }

  @Test func anotherPrefixIsInTheUnitsToo() throws {
    let root = try Root()
    try root.run("install", ["--no-build", "--prefix", "/opt/kraken/", "--socket-activation"])
    let files = try root.files()
    let unit = try #require(files["etc/systemd/system/kraken-bridge.service"]?.text)
    #expect(unit.contains("ExecStart=/opt/kraken/bin/kraken-bridged\n"))
    #expect(!unit.contains("/usr/local"))
    #expect(files["etc/systemd/system/kraken-bridge.socket"] != nil)
    #expect(files["etc/systemd/system/kraken-bridge-private.socket"] != nil)
    #expect(files["etc/systemd/system/kraken-bridge.service.d/socket-activation.conf"] != nil)
    #expect(files["opt/kraken/bin/kraken-ctl"]?.mode == 0o755)
    try root.run("uninstall", ["--prefix", "/opt/kraken"])
    #expect(try root.everything().isEmpty)
  }

  @Test func whatTheAdministratorWroteStays() throws {
    let root = try Root()
    let neighbour = root.folder.appending(path: "usr/local/bin/other")
    try FileManager.default.createDirectory(at: neighbour.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data("other".utf8).write(to: neighbour)
    try root.run("install", ["--no-build"])
    let configuration = root.folder.appending(path: "etc/kraken-bridge/config.yaml")
    try Data("log: {level: debug}\n".utf8).write(to: configuration)
    try root.run("install", ["--no-build"])
    #expect(try String(contentsOf: configuration, encoding: .utf8) == "log: {level: debug}\n")
    let said = try root.run("uninstall")
    #expect(said.contains { $0.contains("etc/kraken-bridge/config.yaml") })
    #expect(try root.everything() == [
      "etc", "etc/kraken-bridge", "etc/kraken-bridge/config.yaml", "usr", "usr/local", "usr/local/bin", "usr/local/bin/other",
    ])
  }

  @Test func aDryRunSaysAllAndDoesNothing() throws {
    let root = try Root()
    let dry = try root.run("install", ["--no-build", "--dry-run"]).filter { $0.hasPrefix("install ") }
    #expect(try root.everything().isEmpty)
    try root.run("install", ["--no-build"])
    let installed = try root.files().keys.filter { !$0.hasSuffix("share/kraken-bridge/installed") }
    let promised = dry.compactMap { $0.split(separator: " ").last.map { $0.dropFirst(root.folder.path.count + 1) } }
    #expect(promised.map(String.init).sorted() == installed.sorted())
    let before = try root.files()
    try root.run("uninstall", ["--dry-run"])
    #expect(try root.files() == before)
  }

  @Test(arguments: [["--prefix", "relative"], ["--prefix", "/opt/a b"], ["--prefix", "/home/me"]])
  func aPrefixThatCannotWorkIsRefused(arguments: [String]) throws {
    let root = try Root()
    #expect(try root.start("install", ["--no-build"] + arguments).wait() == 1)
    #expect(try root.everything().isEmpty)
  }

  @Test func theShippedConfigurationIsAcceptedAlsoWithAllThatIsCommentedOut() throws {
    let shipped = try String(contentsOf: Self.repository.appending(path: "systemd/config.yaml"), encoding: .utf8)
    // Keys are commented out without a space, words with one.
    let everything = shipped.replacing(/(?m)^#(?=[a-z]| {2})/, with: "")
    #expect(everything.contains("\nlimits:\n"))
    for text in [shipped, everything] {
      let root = try Root()
      let file = root.folder.appending(path: "config.yaml")
      try Data(text.utf8).write(to: file)
      let check = try Child("kraken-bridged", ["--config", file.path, "--check-config"])
      let said = try check.output.rest()
      #expect(try check.wait() == 0, "\(said)")
    }
  }

  @Test func everyKeyOfTheConfigurationIsInTheManual() throws {
    let schema = try String(
      contentsOf: Self.repository.appending(path: "Sources/BridgeDaemon/Settings/SettingSchema.swift"), encoding: .utf8)
    let manual = try String(contentsOf: Self.repository.appending(path: "scripts/man/kraken-bridge.conf.5"), encoding: .utf8)
    let keys = schema.matches(of: /\(\s*"([a-z0-9-]+)",/).map { String($0.1) }
    #expect(keys.count > 40)
    for key in keys { #expect(manual.contains("\n.It Cm \(key)"), "\(key)") }
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/mandoc")))
  func theManualIsWellFormed() throws {
    let lint = try Child.shell("mandoc -T lint -W warning \(Self.repository.path)/scripts/man/*")
    #expect(try lint.output.rest() == [])
    #expect(try lint.wait() == 0)
  }
}

/// A folder that stands for the root of a file system.
private final class Root {
  struct File: Equatable {
    var mode: Int
    var data: Data
    var text: String { String(decoding: data, as: UTF8.self) }
  }

  let folder = FileManager.default.temporaryDirectory.appending(path: "kb-root-" + UUID().uuidString.prefix(8))
  private let programs: String

  /// - Parameter programs: the folder with the programs to install; nil for small ones, where it does not matter which.
  init(programs: String? = nil) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    self.programs = programs ?? folder.path + "-programs"
    guard programs == nil else { return }
    try FileManager.default.createDirectory(atPath: self.programs, withIntermediateDirectories: true)
    for name in ["kraken-bridged", "kraken-ctl", "kraken-sim"] {
      let path = "\(self.programs)/\(name)"
      _ = FileManager.default.createFile(
        atPath: path, contents: Data("#!/bin/sh\necho completion of \(name)\n".utf8), attributes: [.posixPermissions: 0o755])
    }
  }

  deinit {
    try? FileManager.default.removeItem(at: folder)
    try? FileManager.default.removeItem(atPath: folder.path + "-programs")
  }

  func start(_ script: String, _ arguments: [String]) throws -> Child {
    try Child(
      InstallTests.repository.appending(path: "scripts/\(script)").path, arguments,
      environment: ["DESTDIR": folder.path, "KRAKEN_BRIDGE_BIN": programs])
  }

  /// Runs a script that must succeed; what it said.
  @discardableResult
  func run(_ script: String, _ arguments: [String] = []) throws -> [String] {
    let child = try start(script, arguments)
    let said = try child.output.rest() + child.errors.rest()
    #expect(try child.wait() == 0, "\(said)")
    return said
  }

  /// Paths of all that is there, sorted.
  func everything() throws -> [String] { try FileManager.default.subpathsOfDirectory(atPath: folder.path).sorted() }

  func files() throws -> [String: File] {
    var files: [String: File] = [:]
    for path in try everything() {
      let full = folder.appending(path: path).path
      let attributes = try FileManager.default.attributesOfItem(atPath: full)
      guard attributes[.type] as? FileAttributeType == .typeRegular else { continue }
      files[path] = File(
        mode: attributes[.posixPermissions] as? Int ?? 0, data: FileManager.default.contents(atPath: full) ?? Data())
    }
    return files
  }
}
