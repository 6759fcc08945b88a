// Key and secret from files: what is taken, what is refused, and that no refusal quotes them.

import Glibc
import KrakenWire
import Testing

@testable import BridgeDaemon

extension Secret {
  var text: String { withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
  var array: [UInt8] { withUnsafeBytes { Array($0) } }
}

extension ScratchDirectory {
  func write(_ name: String, _ text: String, mode: mode_t = 0o600) {
    let path = self(name)
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    _ = Array(text.utf8).withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
    close(file)
    chmod(path, mode)
  }

  /// Files as Kraken's user would make them.
  func writeCredentials(key: String = "the-key", secret: String = "c2VjcmV0", mode: mode_t = 0o600) {
    write("api-key", key, mode: mode)
    write("api-secret", secret, mode: mode)
  }
}

struct Base64Tests {
  /// RFC 4648, section 10, and every value of a digit.
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ("foobar", "Zm9vYmFy"),
  ])
  func bothWays(plain: String, encoded: String) throws {
    #expect(Base64.encode(Array(plain.utf8)) == encoded)
    #expect(try #require(decode(encoded)) == Array(plain.utf8))
    #expect(decode(encoded.filter { $0 != "=" }) == Array(plain.utf8))
  }

  @Test func everyByteSurvives() {
    let bytes = (0...255).map { UInt8($0) } + (0...255).reversed().map { UInt8($0) }
    for count in 0..<bytes.count { #expect(decode(Base64.encode(Array(bytes[..<count]))) == Array(bytes[..<count])) }
  }

  @Test(arguments: ["A", "AA=A", "====", "AAA==", "AA=", "AB C", "AB\nC", "AB-_", "AAAA=", "é"])
  func refused(text: String) { #expect(decode(text) == nil) }

  private func decode(_ text: String) -> [UInt8]? { Array(text.utf8).withUnsafeBytes { Base64.decode($0)?.array } }
}

struct CredentialsTests {
  private let directory: ScratchDirectory

  init() throws { directory = try ScratchDirectory() }

  private func read(isSystemds: Bool = false) throws(CredentialFault) -> APIKey {
    try APIKey.read(directory: directory.path, isSystemds: isSystemds)
  }

  private var fault: String? { Credentials.fault(in: directory.path, isSystemds: false) }

  @Test(arguments: ["", "\n", "\r\n", " \n\n"])
  func bothFilesAreRead(ending: String) throws {
    directory.writeCredentials(key: "the-key" + ending, secret: "c2VjcmV0" + ending)
    let apiKey = try read()
    #expect(apiKey.key.text == "the-key")
    #expect(apiKey.secret.text == "secret")
    #expect(fault == nil)
  }

  @Test(arguments: [0o604, 0o602, 0o644, 0o666, 0o601] as [mode_t])
  func filesOpenToEverybodyAreRefusedOutsideSystemds(mode: mode_t) throws {
    directory.writeCredentials()
    chmod(directory("api-secret"), mode)
    let fault = try #require(fault)
    #expect(fault.hasPrefix("\(directory("api-secret")) is open to everybody (mode 0\(String(mode, radix: 8)))"))
    #expect(try read(isSystemds: true).secret.text == "secret")
  }

  @Test(arguments: [0o400, 0o600, 0o440, 0o640] as [mode_t])
  func ownerAndGroupMayRead(mode: mode_t) throws {
    directory.writeCredentials(mode: mode)
    #expect(try read().key.text == "the-key")
  }

  @Test func whatCannotBeAKeyIsRefusedWithoutBeingQuoted() {
    #expect(fault == "\(directory("api-key")) cannot be read: No such file or directory")
    directory.writeCredentials(secret: "hush hush")
    #expect(fault == "api-secret is not Base64, as Kraken's secrets are")
    directory.writeCredentials(key: "hush\nhush")
    #expect(fault == "api-key has characters that no API key has")
    directory.writeCredentials(key: " \n")
    #expect(fault == "\(directory("api-key")) is empty")
    directory.writeCredentials(key: String(repeating: "k", count: 5000))
    #expect(fault == "\(directory("api-key")) is longer than 4096 bytes")
    unlink(directory("api-key"))
    mkfifo(directory("api-key"), 0o600)
    #expect(fault == "\(directory("api-key")) is not a regular file")
  }

  @Test func equalMeansTheSameBytes() throws {
    directory.writeCredentials()
    var settings = CredentialSettings(directory: directory.path)
    let first = try Credentials.read(settings)
    #expect(try Credentials.read(settings) == first)
    directory.writeCredentials(key: "other-key")
    #expect(try Credentials.read(settings) != first)
    directory.writeCredentials()
    settings.tokenCommand = "/bin/token"
    #expect(try Credentials.read(settings) != first)
    #expect(try Credentials.read(CredentialSettings()) == nil)
  }

  @Test func nothingOfThemIsPrinted() throws {
    directory.writeCredentials()
    let credentials = try #require(try Credentials.read(CredentialSettings(directory: directory.path)))
    var dumped = ""
    dump(credentials, to: &dumped)
    for text in ["\(credentials)", String(reflecting: credentials), dumped] {
      #expect(!text.contains("the-key") && !text.contains("secret\""))
    }
  }
}

struct CommandTests {
  private let directory: ScratchDirectory

  init() throws { directory = try ScratchDirectory() }

  private func fault(_ text: String, deadline: Duration = .seconds(60)) -> String? {
    do throws(CredentialFault) {
      _ = try Command(text).run(deadline: deadline)
      return nil
    } catch {
      return error.message
    }
  }

  @Test func aLonePathIsRunAsItIs() throws {
    directory.write("token", "#!/bin/sh\necho \"$#:$0\"\n", mode: 0o700)
    #expect(try Command(directory("token")).run().text == "0:" + directory("token"))
    #expect(Command(directory("token")).fault == nil)
    #expect(Command(directory("none")).fault == "No such file or directory")
    #expect(Command(" ").fault == "it is empty")
  }

  @Test func anythingElseIsForTheShell() throws {
    #expect(try Command("printf 'a b\\n\\n' | tr a-z A-Z").run().text == "A B")
    #expect(Command("no-such-program --at all").fault == nil)
  }

  @Test func failuresAreToldWithoutOutput() {
    #expect(fault("echo hush; exit 3") == "it ended with status 3")
    #expect(fault("kill -9 $$") == "it was ended by signal 9")
    #expect(fault("true") == "it printed nothing")
    #expect(fault("echo") == "it printed nothing")
    #expect(fault("no-such-program 2>&1") == "it ended with status 127")
    #expect(fault(directory("none")) == "it cannot be run: No such file or directory")
    #expect(fault("head -c 100000 /dev/zero") == "it printed too much")
  }

  /// The whole group ends, not only the shell.
  @Test func whatHangsIsKilled() throws {
    let descendant = directory("descendant")
    #expect(fault("sleep 600 & echo $! > \(descendant); wait", deadline: .seconds(1)) == "it took longer than 1 s")
    guard case .contents(let bytes) = FileSystem.read(descendant, bytesMax: 20),
      let process = pid_t(String(decoding: bytes.dropLast(), as: UTF8.self))
    else {
      Issue.record("the program did not start")
      return
    }
    // A signal that was sent is not yet a process that has gone.
    for _ in 0..<1000 where isAlive(process) { usleep(10_000) }
    #expect(!isAlive(process))
  }

  private func isAlive(_ process: pid_t) -> Bool {
    guard case .contents(let bytes) = FileSystem.read("/proc/\(process)/stat", bytesMax: 4096) else { return false }
    return !String(decoding: bytes, as: UTF8.self).contains(") Z")
  }

  @Test func whoLeavesSomethingRunningIsDoneAllTheSame() throws {
    #expect(try Command("sleep 1 & echo token").run().text == "token")
  }

  /// Signals are as a program expects them, standard input is empty, and the manager's variables are not passed on.
  @Test func itsSurroundingsAreOrdinary() throws {
    #expect(try Command("cat; echo \"[$PATH]\"").run().text == "[\(ProcessFacts.variables["PATH"] ?? "")]")
    // Above 31 are signals of the C library's own, which it lets nobody touch.
    let signals = try Command("grep -E 'SigBlk|SigIgn' /proc/self/status | cut -f2").run().text
    let sets = signals.split(separator: "\n").compactMap { UInt64($0, radix: 16) }
    #expect(sets.count == 2 && sets.allSatisfy { $0 & 0x7FFF_FFFF == 0 }, "\(signals)")
    #expect(!Command.isPassedOn("NOTIFY_SOCKET") && !Command.isPassedOn("LISTEN_FDS"))
    #expect(Command.isPassedOn("CREDENTIALS_DIRECTORY") && Command.isPassedOn("HOME"))
  }
}
