// Bytes that nobody may see: an API key, its secret, a token.
//
// They live in memory of their own, which is wiped when the last reference goes, and they do not print. Whoever needs
// them borrows them for the moment in which a request is written.

/// Immutable once made.
public final class Secret: @unchecked Sendable {
  // Sound: written in `init` alone, before anyone else can hold a reference, and freed in `deinit` alone.
  private let bytes: UnsafeMutableRawBufferPointer

  /// - Parameter fill: writes the secret; the memory is zeroed before.
  public init<E: Error>(byteCount: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(E) -> Void) throws(E) {
    bytes = .allocate(byteCount: byteCount, alignment: 1)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    try fill(bytes)
  }

  /// Copies; the original is the caller's to wipe.
  public convenience init(_ original: UnsafeRawBufferPointer) {
    self.init(byteCount: original.count) { $0.copyMemory(from: original) }
  }

  deinit {
    Self.wipe(bytes)
    bytes.deallocate()
  }

  public var byteCount: Int { bytes.count }

  /// Valid inside `body` only.
  public func withUnsafeBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
    try body(UnsafeRawBufferPointer(bytes))
  }

  /// Overwrites with zeros. Not inlined, so that the compiler cannot see that nobody reads the zeros.
  @inline(never)
  public static func wipe(_ bytes: UnsafeMutableRawBufferPointer) {
    for index in bytes.indices { bytes.storeBytes(of: 0, toByteOffset: index, as: UInt8.self) }
  }
}

extension Secret: Equatable {
  /// Takes the same time wherever they differ.
  public static func == (a: Secret, b: Secret) -> Bool {
    guard a.byteCount == b.byteCount else { return false }
    return zip(a.bytes, b.bytes).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "<secret>" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }
}
