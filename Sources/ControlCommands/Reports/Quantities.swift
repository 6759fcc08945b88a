// Machine quantities in the units people think in. For looking at only: prices and sizes of the
// market never pass through here.

enum Quantity {
  /// `1536` → `1.5 KiB`.
  static func bytes(_ count: Double) -> String {
    guard abs(count) >= 1024 else { return "\(Int(count)) B" }
    var value = count
    for unit in ["KiB", "MiB", "GiB"] {
      value /= 1024
      if abs(value) < 1024 { return "\(fixed(value, places: 1)) \(unit)" }
    }
    return "\(fixed(value / 1024, places: 1)) TiB"
  }

  /// `7385` → `2 h 3 min`: the two largest units.
  static func seconds(_ count: Double) -> String {
    let total = Int(max(0, count))
    switch total {
    case ..<60: return "\(total) s"
    case ..<3600: return "\(total / 60) min \(total % 60) s"
    case ..<86400: return "\(total / 3600) h \(total % 3600 / 60) min"
    default: return "\(total / 86400) d \(total % 86400 / 3600) h"
    }
  }

  /// `1234567` → `1,234,567`. Anything that is not an integer stays as it is.
  static func grouped(_ digits: String) -> String {
    guard digits.utf8.count > 3, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return digits }
    var out = ""
    for (index, character) in digits.enumerated() {
      if index > 0, (digits.count - index).isMultiple(of: 3) { out.append(",") }
      out.append(character)
    }
    return out
  }

  /// A number with that many decimals, rounded half away from zero.
  static func fixed(_ value: Double, places: Int) -> String {
    guard value.isFinite, abs(value) < 9e15 else { return "\(value)" }
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let scaled = Int((abs(value) * Double(scale)).rounded())
    let sign = value < 0 && scaled != 0 ? "-" : ""
    guard places > 0 else { return sign + String(scaled) }
    let fraction = String(scaled % scale)
    return sign + "\(scaled / scale)." + String(repeating: "0", count: places - fraction.count) + fraction
  }
}
