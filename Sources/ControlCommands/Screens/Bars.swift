// Bars and sparklines out of Unicode block characters.

enum Bars {
  private static let eighthsAcross = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
  private static let eighthsUp = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]

  /// A horizontal bar for `share` (0 to 1) of `width` columns, to an eighth of a column, filled with spaces.
  static func across(_ share: Double, width: Int) -> String {
    let eighths = Int((max(0, min(1, share.isFinite ? share : 0)) * Double(width * 8)).rounded())
    let bar = String(repeating: "█", count: eighths / 8) + eighthsAcross[eighths % 8]
    return bar.fitted(to: width)
  }

  /// One column of a column chart, the lowest row last: `share` of `rows` rows, to an eighth of a row.
  static func column(_ share: Double, rows: Int) -> [String] {
    let eighths = Int((max(0, min(1, share.isFinite ? share : 0)) * Double(rows * 8)).rounded(.up))
    return (0..<rows).reversed().map { row in
      let here = eighths - row * 8
      return here <= 0 ? " " : eighthsUp[min(here, 8) - 1]
    }
  }

  /// Values as a line of small columns, scaled to their own range; `nil` leaves a gap.
  static func sparkline(_ values: [Double?]) -> String {
    let known = values.compactMap { $0 }
    guard let low = known.min(), let high = known.max() else { return String(repeating: " ", count: values.count) }
    return values.map { value in
      guard let value else { return " " }
      guard high > low else { return eighthsUp[3] }
      return eighthsUp[min(7, Int((value - low) / (high - low) * 8))]
    }.joined()
  }
}
