// What outlives the process, in one small text file of the state directory: how many connections were
// attempted lately, so that a crash loop cannot spend Kraken's patience twice, and the last sequence number.
// Damage costs only what was damaged; a file that cannot be written is a warning.

import BridgeCore
import KrakenSession
import MarketData

struct StateFile {
  let directory: String

  private var path: String { directory + "/state" }

  /// - Returns: what could be read, and what went wrong if anything did. An absent file is a first start.
  func load(now: Moment) -> (state: SavedState, fault: String?) {
    switch FileSystem.read(path, bytesMax: 1 << 20) {
    case .contents(let bytes): (StateFile.decode(bytes, now: now), nil)
    case .absent: (StateFile.decode([], now: now), nil)
    case .failed(let why): (StateFile.decode([], now: now), "cannot read \(path): \(why)")
    }
  }

  /// - Returns: what went wrong, or nil.
  func save(_ state: SavedState, now: Moment) -> String? {
    let outcome = FileSystem.makeDirectory(directory)
    guard outcome.code == 0 else { return "cannot make the directory \(directory): \(Errno.text(outcome.code))" }
    let written = FileSystem.replace(path, with: StateFile.encode(state, now: now))
    return written.code == 0 ? nil : "cannot write \(path): \(Errno.text(written.code))"
  }

  private static let seqKey = "seq "

  static func encode(_ state: SavedState, now: Moment) -> [UInt8] {
    Array("\(seqKey)\(state.seq)\n".utf8) + state.budget.encoded(now: now)
  }

  static func decode(_ bytes: [UInt8], now: Moment) -> SavedState {
    let text = String(decoding: bytes, as: UTF8.self)
    let seq = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix(seqKey) }
      .flatMap { UInt64($0.dropFirst(seqKey.count)) }
    // Numbers of lines fit in 53 bits; anything above is damage, and believing it would stop the numbering.
    return SavedState(
      seq: seq.flatMap { $0 < 1 << 53 ? $0 : nil } ?? 0, budget: AttemptBudget(decoding: bytes, now: now))
  }
}
