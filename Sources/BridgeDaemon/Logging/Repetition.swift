// Log the first offence in full, then be quiet and count: an exchange that refuses us every second must not
// fill a disk, and nobody reads the same line a thousand times.

/// Decides which entries are written. A value; time is handed in.
struct Repetition {
  /// What an entry's repeats are recognised by.
  typealias Key = String

  enum Verdict: Equatable {
    case write
    case count
  }

  struct Summary: Equatable {
    var message: String
    var level: Int
    /// Entries that were not written.
    var repeats: Int
  }

  private struct Entry {
    var windowEnd: Int64
    var repeats = 0
    var message: String
    var level: Int
  }

  /// How long repeats of an entry are only counted, in nanoseconds.
  static let window: Int64 = 60_000_000_000
  /// Most different entries remembered; beyond it everything is written.
  static let entriesMax = 4096

  private var entries: [Key: Entry] = [:]

  /// Looks at one entry. Digits in the message do not make it a different one.
  mutating func admit(_ key: Key, message: String, level: Int, now: Int64) -> Verdict {
    let key = key + "\u{0}" + message.filter { !$0.isNumber }
    if var entry = entries[key], now < entry.windowEnd {
      entry.repeats += 1
      entry.message = message
      entries[key] = entry
      return .count
    }
    guard entries.count < Repetition.entriesMax || entries[key] != nil else { return .write }
    entries[key] = Entry(windowEnd: now + Repetition.window, message: message, level: level)
    return .write
  }

  /// The counts whose time is up. An entry that kept repeating stays quiet for another while.
  mutating func summaries(now: Int64) -> [Summary] {
    var due: [Summary] = []
    for (key, entry) in entries where entry.windowEnd <= now {
      if entry.repeats == 0 {
        entries[key] = nil
      } else {
        due.append(Summary(message: entry.message, level: entry.level, repeats: entry.repeats))
        entries[key] = Entry(windowEnd: now + Repetition.window, message: entry.message, level: entry.level)
      }
    }
    return due.sorted { $0.message < $1.message }
  }
}
