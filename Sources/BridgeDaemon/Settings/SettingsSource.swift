// The layers of the configuration: flags over environment over file over defaults. swift-configuration
// decides which layer wins; this adds where a winning value came from, so that a complaint can say so, and
// reads texts into checked values, collecting every problem instead of stopping at the first.

import BridgeWire
import Configuration

struct SettingsSource {
  private let reader: ConfigReader
  private let flags: [String: FlagValue]
  private let environment: [String: String]
  let file: SettingsFile
  var problems: [SettingProblem]

  /// A flag's spelling and what was given to it.
  struct FlagValue {
    var flag: String
    var value: SettingsFile.Value
  }

  /// - Parameters:
  ///   - flags: by dotted key.
  ///   - environment: by name without the prefix `KRAKEN_BRIDGE_`.
  init(flags: [String: FlagValue], environment: [String: String], file: SettingsFile) {
    self.flags = flags
    self.environment = environment
    self.file = file
    problems = file.problems
    func provider(_ name: String, _ values: [String: SettingsFile.Value]) -> InMemoryProvider {
      InMemoryProvider(
        name: name,
        values: Dictionary(
          uniqueKeysWithValues: values.map { key, value in
            let content: ConfigContent =
              switch value {
              case .scalar(let text): .string(text)
              case .list(let texts): .stringArray(texts)
              }
            return (AbsoluteConfigKey(key.components), ConfigValue(content, isSecret: false))
          }))
    }
    reader = ConfigReader(providers: [
      provider("flags", flags.mapValues(\.value)),
      EnvironmentVariablesProvider(environmentVariables: environment),
      provider("file", file.values),
    ])
  }

  // MARK: Values

  func text(_ key: String) -> String? {
    reader.string(forKey: ConfigKey(key.components))
  }

  func list(_ key: String) -> [String]? {
    reader.stringArray(forKey: ConfigKey(key.components))?.map { String($0.drop { $0 == " " }) }
  }

  mutating func integer(_ key: String, in range: ClosedRange<Int>, unit: String = "") -> Int? {
    guard let text = text(key) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      let unit = unit.isEmpty ? "" : " " + unit
      refuse(key, "allowed is a whole number from \(range.lowerBound) to \(range.upperBound)\(unit)")
      return nil
    }
    return number
  }

  mutating func boolean(_ key: String) -> Bool? {
    guard let text = text(key) else { return nil }
    switch text.lowercased() {
    case "true", "yes", "on", "1": return true
    case "false", "no", "off", "0": return false
    default:
      refuse(key, "allowed are true and false")
      return nil
    }
  }

  mutating func seconds(_ key: String, in range: ClosedRange<Double>) -> Duration? {
    guard let text = text(key) else { return nil }
    guard let number = Double(text), range.contains(number) else {
      refuse(key, "allowed is a number from \(range.lowerBound.plain) to \(range.upperBound.plain) seconds")
      return nil
    }
    return .seconds(number)
  }

  mutating func choice(_ key: String, of allowed: [String]) -> String? {
    guard let text = text(key) else { return nil }
    guard allowed.contains(text.lowercased()) else {
      let hint = Spelling.nearest(to: text, among: allowed).map { "; did you mean \"\($0)\"?" } ?? ""
      refuse(key, "allowed are " + allowed.joined(separator: ", ") + hint)
      return nil
    }
    return text.lowercased()
  }

  /// A decimal amount greater than zero, as its own text.
  mutating func amount(_ key: String) -> String? {
    guard let text = text(key) else { return nil }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let isDecimal =
      (1...2).contains(parts.count)
      && parts.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
    guard isDecimal, text.contains(where: { ("1"..."9").contains($0) }) else {
      refuse(key, "allowed is a decimal number above 0, such as 0.5")
      return nil
    }
    return text
  }

  mutating func endpoint(_ key: String, kind: Endpoint.Kind) -> Endpoint? {
    guard let text = text(key) else { return nil }
    do {
      return try Endpoint(text, kind: kind)
    } catch {
      refuse(key, error.message)
      return nil
    }
  }

  mutating func ids(_ key: String) -> Set<UInt32> {
    Set(
      (list(key) ?? []).compactMap { text in
        if let id = UInt32(text) { return id }
        refuse(key, value: text, "allowed is a list of numeric ids")
        return nil
      })
  }

  // MARK: Structure

  /// How many records a list has: as many as are given without a hole, in any layer.
  func recordCount(_ key: String, members: [(key: String, shape: SettingShape)]) -> Int {
    func isGiven(_ key: String, _ shape: SettingShape) -> Bool {
      switch shape {
      case .scalar: text(key) != nil
      case .list: list(key) != nil
      case .scalarOrRecords(let members): text(key) != nil || recordCount(key, members: members) > 0
      case .record(let members): members.contains { isGiven("\(key).\($0.key)", $0.shape) }
      case .records(let members): recordCount(key, members: members) > 0
      }
    }
    var count = 0
    while isGiven("\(key).\(count)", .record(members)) { count += 1 }
    return count
  }

  // MARK: Complaints

  /// Notes that the value of `key` cannot be used.
  mutating func refuse(_ key: String, value: String? = nil, _ message: String) {
    let given = value ?? text(key) ?? list(key)?.joined(separator: ", ")
    problems.append(SettingProblem(origin: origin(of: key), key: key, value: given, message: message))
  }

  /// Which layer a key's value comes from, in words.
  func origin(of key: String) -> String {
    if let flag = flags[key] { return "flag \(flag.flag)" }
    let variable = key.environmentSpelling
    if environment[variable] != nil { return "environment \(SettingsSource.environmentPrefix)\(variable)" }
    return file.origin(of: key)
  }

  static let environmentPrefix = "KRAKEN_BRIDGE_"
}

extension String {
  fileprivate var components: [String] { split(separator: ".").map(String.init) }
}

extension Double {
  fileprivate var plain: String { self == rounded() ? "\(Int(self))" : "\(self)" }
}
