// Faults as text. `NAME key=value …`, or with `:` and `,` for shells: `NAME:key=value,key=value`. `@5` or `at=5` says
// when (seconds after the start; 250ms and 2m work as well), `every=30` repeats it. A value with blanks goes between
// double quotes.

public struct ScheduledFault: Sendable, Equatable {
  public var fault: Fault
  /// Nanoseconds after the start.
  public var at: Int64
  /// Nanoseconds from one time to the next.
  public var every: Int64?

  public init(_ fault: Fault, at: Int64 = 0, every: Int64? = nil) {
    self.fault = fault
    self.at = at
    self.every = every
  }
}

public struct ScenarioError: Error, Equatable, CustomStringConvertible {
  public var description: String
  init(_ description: String) { self.description = description }
}

extension ScheduledFault {
  public init(parsing text: String) throws(ScenarioError) {
    var at: Int64?
    var words: [Substring] = []
    for word in Self.words(of: text) {
      if word.hasPrefix("@") { at = try nanoseconds(word.dropFirst()) } else { words.append(word) }
    }
    guard var head = words.first else { throw ScenarioError("a fault has no name") }
    words.removeFirst()
    if let mark = head.firstIndex(of: "@") {
      at = try nanoseconds(head[head.index(after: mark)...])
      head = head[..<mark]
    }
    if let colon = head.firstIndex(of: ":") {
      words = head[head.index(after: colon)...].split(separator: ",") + words
      head = head[..<colon]
    }
    var pairs: [(key: String, value: String)] = []
    for word in words {
      guard let equals = word.firstIndex(of: "=") else {
        throw ScenarioError("'\(word)' is not of the form key=value")
      }
      pairs.append((String(word[..<equals]), String(word[word.index(after: equals)...])))
    }
    try self.init(name: String(head), pairs: pairs)
    if let at { self.at = at }
  }

  /// Separated by blanks, except between double quotes, which are dropped: `text="Market data unavailable"`.
  private static func words(of text: String) -> [Substring] {
    var isQuoted = false
    let words = text.split { character in
      if character == "\"" { isQuoted.toggle() }
      return !isQuoted && (character == " " || character == "\t")
    }
    return words.map { $0.contains("\"") ? Substring($0.filter { $0 != "\"" }) : $0 }
  }

  init(name: String, pairs: [(key: String, value: String)]) throws(ScenarioError) {
    guard let known = Fault.Name(rawValue: name) else {
      throw ScenarioError("unknown fault '\(name)'; 'kraken-sim faults' lists them")
    }
    self.init(Fault(known))
    let allowed = Fault.describe(known).parameters
    for (key, value) in pairs {
      switch key {
      case "at": at = try nanoseconds(value[...])
      case "every":
        every = try nanoseconds(value[...])
        guard every! > 0 else { throw ScenarioError("every must be above zero") }
      default:
        guard let parameter = Fault.Parameter(rawValue: key), allowed.contains(parameter) else {
          let list = (allowed.map(\.rawValue) + ["at", "every"]).joined(separator: ", ")
          throw ScenarioError("'\(name)' has no parameter '\(key)'; it has: \(list)")
        }
        try fault.set(parameter, value)
      }
    }
    let needsState = known == .system || known == .pairStatus
    if needsState, fault.text == nil { throw ScenarioError("'\(name)' needs state=…") }
  }
}

extension Fault {
  fileprivate mutating func set(_ parameter: Parameter, _ value: String) throws(ScenarioError) {
    switch parameter {
    case .symbol: symbol = value
    case .channel:
      guard let known = ChannelName(rawValue: value) else {
        let list = ChannelName.allCases.map(\.rawValue).joined(separator: ", ")
        throw ScenarioError("unknown channel '\(value)'; there are: \(list)")
      }
      channel = known
    case .connection: connection = try number(parameter, value)
    case .count: count = try number(parameter, value)
    case .duration: duration = try nanoseconds(value[...])
    case .delay: delay = try nanoseconds(value[...])
    case .code: code = try number(parameter, value)
    case .size: size = try number(parameter, value)
    case .text: text = value
    case .state:
      let isKnown = name == .system ? SystemState(rawValue: value) != nil : Instrument.Status(rawValue: value) != nil
      guard isKnown else { throw ScenarioError("unknown state '\(value)'") }
      text = value
    case .side:
      guard ["bids", "asks"].contains(value) else { throw ScenarioError("side is bids or asks, not '\(value)'") }
      text = value
    case .form:
      guard ["standard", "bare", "v1"].contains(value) else {
        throw ScenarioError("form is standard, bare or v1, not '\(value)'")
      }
      text = value
    case .resume, .close:
      guard let known = Bool(value) else { throw ScenarioError("\(parameter.rawValue) is true or false") }
      flag = known
    }
  }

  private func number(_ parameter: Parameter, _ value: String) throws(ScenarioError) -> Int {
    guard let number = Int(value), number > 0, number <= 1 << 30 else {
      throw ScenarioError("\(parameter.rawValue) must be a whole number above zero, not '\(value)'")
    }
    return number
  }
}

/// `5`, `0.25`, `250ms`, `10s`, `2m`; without a unit, seconds.
func nanoseconds(_ text: Substring) throws(ScenarioError) -> Int64 {
  var digits = text
  var unit: Int64 = 1_000_000_000
  for (suffix, nanoseconds) in [("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000)] as [(String, Int64)]
  where text.hasSuffix(suffix) {
    digits = text.dropLast(suffix.count)
    unit = nanoseconds
    break
  }
  let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
  let fraction = parts.count == 2 ? parts[1] : ""
  guard (1...2).contains(parts.count), let whole = Int64(parts[0]), whole >= 0, whole < 1_000_000_000,
    fraction.utf8.count <= 6, let scaled = fraction.isEmpty ? 0 : UInt32(fraction)
  else { throw ScenarioError("'\(text)' is not a time such as 5, 0.25, 250ms or 2m") }
  return whole * unit + Int64(scaled) * unit / powerOfTen[fraction.utf8.count]
}
