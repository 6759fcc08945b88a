// What the bridge proves itself to Kraken with: an API key in two files, a program that prints tokens, or both.
//
// A file is read straight into memory that is wiped. It is refused when others than its owner and group could have
// read it, since then it is no secret any more; systemd's own directory is private whatever the modes say.

import Glibc
import KrakenWire

/// Why credentials cannot be used, in words without a byte of them.
struct CredentialFault: Error, Equatable {
  var message: String
}

struct APIKey: Equatable, Sendable {
  static let keyFile = "api-key"
  static let secretFile = "api-secret"

  /// As it goes into a request's header.
  var key: Secret
  /// Decoded.
  var secret: Secret

  /// - Parameter base64Secret: as Kraken shows it.
  init(key: Secret, base64Secret: Secret) throws(CredentialFault) {
    let isPrintable = key.withUnsafeBytes { $0.allSatisfy { (0x21...0x7E).contains($0) } }
    guard isPrintable else { throw CredentialFault(message: "\(APIKey.keyFile) has characters that no API key has") }
    guard let secret = base64Secret.withUnsafeBytes({ Base64.decode($0) }) else {
      throw CredentialFault(message: "\(APIKey.secretFile) is not Base64, as Kraken's secrets are")
    }
    self.key = key
    self.secret = secret
  }

  /// Reads both files of a directory.
  /// - Parameter isSystemds: the directory is $CREDENTIALS_DIRECTORY.
  static func read(directory: String, isSystemds: Bool) throws(CredentialFault) -> APIKey {
    try APIKey(
      key: CredentialFile.read("\(directory)/\(keyFile)", mayBeOpen: isSystemds),
      base64Secret: CredentialFile.read("\(directory)/\(secretFile)", mayBeOpen: isSystemds))
  }
}

struct Credentials: Equatable, Sendable {
  var apiKey: APIKey?
  /// Prints tokens. Wins over the key, which then is for other calls only.
  var tokenCommand: Command?
  /// Prints the one-time password that a key with two-factor authentication wants at every call.
  var otpCommand: Command?

  /// - Returns: nil if none are configured.
  static func read(_ settings: CredentialSettings) throws(CredentialFault) -> Credentials? {
    guard settings.areGiven else { return nil }
    var credentials = Credentials()
    if let demonstration = settings.demonstration {
      credentials.apiKey = try APIKey(
        key: Secret(copying: demonstration.key), base64Secret: Secret(copying: demonstration.secret))
    } else if let directory = settings.directory {
      credentials.apiKey = try APIKey.read(directory: directory, isSystemds: settings.isSystemds)
    }
    credentials.tokenCommand = settings.tokenCommand.map(Command.init)
    credentials.otpCommand = settings.otpCommand.map(Command.init)
    return credentials
  }

  /// What is wrong with the files of a directory, or nil.
  static func fault(in directory: String, isSystemds: Bool) -> String? {
    do throws(CredentialFault) {
      _ = try APIKey.read(directory: directory, isSystemds: isSystemds)
      return nil
    } catch {
      return error.message
    }
  }
}

extension Secret {
  /// For text that is known to everybody, such as the simulated exchange's key.
  convenience init(copying text: String) {
    self.init(byteCount: text.utf8.count) { $0.copyBytes(from: text.utf8) }
  }
}

/// One secret in one file.
enum CredentialFile {
  static let bytesMax = 4096

  /// The file's contents without white space at the end.
  /// - Parameter mayBeOpen: everybody may have access to it.
  static func read(_ path: String, mayBeOpen: Bool) throws(CredentialFault) -> Secret {
    // Not to be held up by a pipe that nobody writes to.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw CredentialFault(message: "\(path) cannot be read: \(Errno.text)") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw CredentialFault(message: "\(path) is not a regular file")
    }
    guard mayBeOpen || status.st_mode & 0o007 == 0 else {
      throw CredentialFault(
        message: "\(path) is open to everybody (mode 0\(String(status.st_mode & 0o777, radix: 8))); chmod it to 0600")
    }
    return try withWipedBuffer(byteCount: bytesMax + 1) { (buffer) throws(CredentialFault) in
      var count = 0
      while count < buffer.count {
        let step = Glibc.read(descriptor, buffer.baseAddress! + count, buffer.count - count)
        if step < 0, errno == EINTR { continue }
        guard step >= 0 else { throw CredentialFault(message: "\(path) cannot be read: \(Errno.text)") }
        if step == 0 { break }
        count += step
      }
      guard count <= bytesMax else { throw CredentialFault(message: "\(path) is longer than \(bytesMax) bytes") }
      guard let secret = Secret(trimming: UnsafeRawBufferPointer(rebasing: buffer[..<count])) else {
        throw CredentialFault(message: "\(path) is empty")
      }
      return secret
    }
  }
}

extension Secret {
  /// Leaves out line ends and blanks after it; nil if nothing else is there.
  convenience init?(trimming bytes: UnsafeRawBufferPointer) {
    guard let last = bytes.lastIndex(where: { $0 > 0x20 }) else { return nil }
    self.init(UnsafeRawBufferPointer(rebasing: bytes[...last]))
  }
}

/// Memory for what a secret is read from, overwritten before it is given back.
func withWipedBuffer<R, E: Error>(
  byteCount: Int, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
) throws(E) -> R {
  let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 1)
  buffer.initializeMemory(as: UInt8.self, repeating: 0)
  defer {
    Secret.wipe(buffer)
    buffer.deallocate()
  }
  return try body(buffer)
}
