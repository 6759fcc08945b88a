// Forgiving what people type: v1 asset names, case, and a suggestion for what is unknown.

public enum Spelling {
  /// `XBT` and `XDG` are Kraken's old names of `BTC` and `DOGE`; v2 refuses them, we do not.
  /// Source: kraken v1 to v2 symbol table. Applied to base and quote, never by rule to anything else.
  public static func currentAsset(_ asset: some StringProtocol) -> String {
    switch asset.uppercased() {
    case "XBT": "BTC"
    case "XDG": "DOGE"
    default: String(asset)
    }
  }

  /// The same for both halves of a pair such as `XBT/usd`; case is kept, since only the instrument list
  /// knows whether it is `TSLAx/USD`.
  public static func currentPair(_ pair: String) -> String {
    guard let slash = pair.firstIndex(of: "/") else { return pair }
    return currentAsset(pair[..<slash]) + "/" + currentAsset(pair[pair.index(after: slash)...])
  }

  /// The candidate that takes the fewest edits to reach, if it is near enough to be meant; of several the first in
  /// the alphabet. Case does not matter.
  public static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    let wanted = Array(word.utf8)
    guard wanted.count <= wordBytesMax else { return nil }
    var limit = max(1, wanted.count / 3)
    var best: (distance: Int, candidate: String)?
    var rows = EditRows()
    for candidate in candidates where abs(candidate.utf8.count - wanted.count) <= limit {
      guard let distance = rows.distance(wanted, Array(candidate.utf8), atMost: limit) else { continue }
      if let best, distance == best.distance, best.candidate < candidate { continue }
      best = (distance, candidate)
      limit = distance
    }
    return best?.candidate
  }

  /// Nobody means a name by something longer.
  static let wordBytesMax = 64
}

/// Three rows of the table of distances between beginnings of two words, kept for the next pair of words.
private struct EditRows {
  private var twoBack: [Int] = []
  private var previous: [Int] = []
  private var row: [Int] = []

  /// Edits (insert, delete, replace, swap neighbours) from one to the other; nil above `atMost`.
  mutating func distance(_ a: [UInt8], _ b: [UInt8], atMost: Int) -> Int? {
    guard abs(a.count - b.count) <= atMost else { return nil }
    previous.removeAll(keepingCapacity: true)
    previous.append(contentsOf: 0...b.count)
    for i in a.indices {
      row.removeAll(keepingCapacity: true)
      row.append(i + 1)
      var least = i + 1
      for j in b.indices {
        var cost = min(row[j] + 1, previous[j + 1] + 1, previous[j] + (Self.same(a[i], b[j]) ? 0 : 1))
        if i > 0, j > 0, Self.same(a[i], b[j - 1]), Self.same(a[i - 1], b[j]) { cost = min(cost, twoBack[j - 1] + 1) }
        row.append(cost)
        least = min(least, cost)
      }
      // A swap reaches back one row, so that row counts too.
      guard least <= atMost || previous.min()! <= atMost else { return nil }
      swap(&twoBack, &previous)
      swap(&previous, &row)
    }
    return previous[b.count] <= atMost ? previous[b.count] : nil
  }

  /// But for the case of ASCII letters.
  private static func same(_ a: UInt8, _ b: UInt8) -> Bool {
    a == b || (a ^ b == 0x20 && UInt8(ascii: "a")...UInt8(ascii: "z") ~= a | 0x20)
  }
}
