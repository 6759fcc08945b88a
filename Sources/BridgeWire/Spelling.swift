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

  /// The candidate that takes the fewest edits to reach, if it is near enough to be meant.
  public static func nearest(to word: String, among candidates: some Sequence<String>) -> String? {
    let wanted = Array(word.lowercased().utf8)
    let allowed = max(1, wanted.count / 3)
    var best: (distance: Int, candidate: String)?
    for candidate in candidates {
      let distance = distance(wanted, Array(candidate.lowercased().utf8), atMost: allowed)
      if distance <= allowed, distance < best?.distance ?? .max { best = (distance, candidate) }
    }
    return best?.candidate
  }

  /// Edits (insert, delete, replace, swap neighbours) between two words; stops early above `atMost`.
  static func distance(_ a: [UInt8], _ b: [UInt8], atMost: Int) -> Int {
    guard abs(a.count - b.count) <= atMost else { return .max }
    var twoBack: [Int] = []
    var previous = Array(0...b.count)
    for i in 0..<a.count {
      var row = [i + 1]
      row.reserveCapacity(b.count + 1)
      for j in 0..<b.count {
        var cost = min(row[j] + 1, previous[j + 1] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, twoBack[j - 1] + 1) }
        row.append(cost)
      }
      (twoBack, previous) = (previous, row)
    }
    return previous[b.count]
  }
}
