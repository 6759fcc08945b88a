// The YAML file as a flat table: `listeners.0.path` → text and line. swift-configuration's own YAML provider has
// no lists of records, which listeners and subscriptions are, so the tree is walked here, against the schema, and
// the table becomes the lowest layer of the configuration.

import BridgeWire
import Yams

/// Something wrong in the configuration.
public struct SettingProblem: Sendable, Hashable, CustomStringConvertible {
  /// File with line, environment variable, or flag.
  public var origin: String
  /// The key in dots, or empty where the whole file is meant.
  public var key: String
  /// What was given, if that helps.
  public var value: String?
  /// What is wrong and what is allowed.
  public var message: String

  public init(origin: String, key: String, value: String? = nil, message: String) {
    self.origin = origin
    self.key = key
    self.value = value
    self.message = message
  }

  public var description: String {
    var text = origin
    if !key.isEmpty { text += ": \(key)" }
    if let value { text += " is \"\(value)\"" }
    return text + ": " + message
  }
}

/// A configuration file's values by dotted key, and what was wrong with its form.
struct SettingsFile {
  enum Value: Hashable {
    case scalar(String)
    case list([String])
  }

  var path: String
  var values: [String: Value] = [:]
  var lines: [String: Int] = [:]
  var problems: [SettingProblem] = []

  /// An absent file.
  init(path: String) {
    self.path = path
  }

  init(path: String, yaml: String) {
    self.path = path
    do {
      guard let root = try Yams.compose(yaml: yaml), !root.isEmptyScalar else { return }
      walk(root, shape: .configuration, key: "")
    } catch let error as YamlError {
      problems.append(SettingProblem(origin: path, key: "", message: "not valid YAML: \(error)".onOneLine))
    } catch {
      problems.append(SettingProblem(origin: path, key: "", message: "not readable as YAML: \(error)".onOneLine))
    }
  }

  /// File and line of a key, for messages.
  func origin(of key: String) -> String {
    lines[key].map { "\(path):\($0)" } ?? path
  }

  private mutating func walk(_ node: Node, shape: SettingShape, key: String) {
    if let line = node.mark?.line { lines[key] = line }
    // A key with nothing behind it means the default.
    if node.isEmptyScalar { return }
    switch shape {
    case .scalar:
      guard let text = node.scalar?.string else { return refuse(node, key, "allowed is a single value") }
      values[key] = .scalar(text)
    case .list:
      guard let texts = node.scalarTexts else { return refuse(node, key, "allowed is a list of plain values") }
      values[key] = .list(texts)
    case .record(let members):
      guard case .mapping(let mapping) = node else {
        return refuse(node, key, "allowed is a mapping with the keys " + members.map(\.key).joined(separator: ", "))
      }
      walk(mapping, members: members, key: key)
    case .records(let members):
      walkRecords(node, members: members, key: key, allowed: "allowed is a list of mappings")
    case .scalarOrRecords(let members):
      if let text = node.scalar?.string {
        values[key] = .scalar(text)
      } else {
        walkRecords(node, members: members, key: key, allowed: "allowed is none, all, or a list like subscriptions")
      }
    }
  }

  private mutating func walkRecords(
    _ node: Node, members: [(key: String, shape: SettingShape)], key: String, allowed: String
  ) {
    guard case .sequence(let items) = node else { return refuse(node, key, allowed) }
    if items.isEmpty { values[key] = .list([]) }
    for (index, item) in items.enumerated() {
      walk(item, shape: .record(members), key: "\(key).\(index)")
    }
  }

  private mutating func walk(
    _ mapping: Node.Mapping, members: [(key: String, shape: SettingShape)], key: String
  ) {
    for (name, node) in mapping {
      guard let name = name.scalar?.string else {
        refuse(name, key, "keys must be plain words")
        continue
      }
      let full = key.isEmpty ? name : "\(key).\(name)"
      guard let member = members.first(where: { $0.key == name }) else {
        lines[full] = node.mark?.line
        let names = members.map(\.key)
        let hint =
          Spelling.nearest(to: name, among: names).map { "did you mean \"\($0)\"?" }
          ?? "known here: " + names.joined(separator: ", ")
        problems.append(SettingProblem(origin: origin(of: full), key: full, message: "unknown key; \(hint)"))
        continue
      }
      walk(node, shape: member.shape, key: full)
    }
  }

  private mutating func refuse(_ node: Node, _ key: String, _ message: String) {
    problems.append(
      SettingProblem(origin: origin(of: key), key: key, value: node.scalar?.string, message: message))
  }
}

extension Node {
  /// A list's items, or one scalar as a list; nil if anything in it is not plain.
  fileprivate var scalarTexts: [String]? {
    if let text = scalar?.string { return [text] }
    guard case .sequence(let items) = self else { return nil }
    let texts = items.compactMap { $0.scalar?.string }
    return texts.count == items.count ? texts : nil
  }

  fileprivate var isEmptyScalar: Bool {
    guard let scalar, scalar.style == .plain || scalar.style == .any else { return false }
    return ["", "~", "null"].contains(scalar.string.lowercased())
  }
}

extension String {
  fileprivate var onOneLine: String {
    split(whereSeparator: \.isNewline).joined(separator: " ")
  }
}
