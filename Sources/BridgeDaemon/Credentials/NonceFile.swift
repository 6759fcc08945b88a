// The number that rises with every signed call. Kraken refuses one that is not above the last it saw for a key, and
// bans keys that try too often; so it must not go back, whatever the clock does and however often we start.
//
// It is the time in nanoseconds, or one above the last. The file holds a number that none given out so far exceeds:
// it is written ahead, in steps, so that not every call waits for the disk. A restart goes on above it.

struct NonceFile {
  /// Rises with the time as long as there is less than one call a nanosecond.
  static let step: UInt64 = 10_000_000_000
  /// What to skip when Kraken has seen a higher number, from another program with the same key for instance.
  static let leap: UInt64 = 60_000_000_000
  /// Above this nothing is believed: a file with it is damaged, and there would be no room to go on.
  private static let plausibleMax: UInt64 = 1 << 63

  private let path: String
  private let directory: String
  /// No number up to this one is given out any more.
  private var last: UInt64 = 0
  /// What the file says; 0 when it could not be written.
  private var reserved: UInt64 = 0

  /// - Returns: what went wrong if anything did; an absent file is a first start.
  static func open(directory: String) -> (file: NonceFile, fault: String?) {
    var file = NonceFile(directory: directory)
    let fault: String?
    switch FileSystem.read(file.path, bytesMax: 64) {
    case .absent: fault = nil
    case .failed(let why): fault = "cannot read \(file.path): \(why)"
    case .contents(let bytes):
      let text = String(decoding: bytes, as: UTF8.self)
      if let number = UInt64(text.prefix { !$0.isWhitespace }), number <= plausibleMax {
        file.last = number
        fault = nil
      } else {
        fault = "\(file.path) is damaged"
      }
    }
    return (file, fault)
  }

  private init(directory: String) {
    self.directory = directory
    path = directory + "/nonce"
  }

  /// The next number, and what went wrong if the file could not be written; the number is good all the same.
  /// - Parameter wall: nanoseconds since 1970.
  mutating func next(wall: Int64) -> (nonce: UInt64, fault: String?) {
    last = max(UInt64(clamping: wall), last + 1)
    guard last > reserved else { return (last, nil) }
    let ahead = last + NonceFile.step
    let made = FileSystem.makeDirectory(directory)
    guard made.code == 0 else { return (last, "cannot make the directory \(directory): \(Errno.text(made.code))") }
    let written = FileSystem.replace(path, with: Array("\(ahead)\n".utf8), durably: true)
    guard written.code == 0 else { return (last, "cannot write \(path): \(Errno.text(written.code))") }
    reserved = ahead
    return (last, nil)
  }

  /// Kraken found the last number too low.
  mutating func leapAhead() { last += NonceFile.leap }
}
