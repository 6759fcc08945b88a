// The `params` of a trading request, read once: each name at most once, numbers as they were written.
//
// A name given twice means one thing to one reader and another to the next, so a guard could be passed by it. The
// same goes for a number in a string. Both are refused; everything else unknown is Kraken's to judge.

import BridgeWire
import JSONText
import MarketData

struct RequestParameters {
  private(set) var members: [(name: String, value: JSONValue)] = []

  init(_ object: JSONValue?) throws(RequestFault) {
    guard let object else { return }
    guard object.kind == .object else { throw RequestFault(.badParameter, "an order must be an object") }
    for (key, value) in object.members {
      let name = key.string ?? ""
      guard self[name] == nil else { throw RequestFault(.badParameter, "'\(name)' is given twice") }
      members.append((name, value))
    }
  }

  subscript(name: String) -> JSONValue? { members.first { $0.name == name }?.value }

  func has(_ name: String) -> Bool { self[name] != nil }

  func string(_ name: String) throws(RequestFault) -> String? {
    guard let value = self[name] else { return nil }
    guard let string = value.string else { throw RequestFault(.badParameter, "\(name) must be a string") }
    return string
  }

  func required(_ name: String, _ example: String) throws(RequestFault) -> String {
    guard let string = try string(name), !string.isEmpty else {
      throw RequestFault(.badParameter, "\(name) is missing: \(example)")
    }
    return string
  }

  func bool(_ name: String) throws(RequestFault) -> Bool {
    guard let value = self[name] else { return false }
    guard let bool = value.bool else { throw RequestFault(.badParameter, "\(name) must be true or false") }
    return bool
  }

  func integer(_ name: String) throws(RequestFault) -> Int64? {
    guard let value = self[name] else { return nil }
    guard let integer = value.int64 else { throw RequestFault(.badParameter, "\(name) must be an integer") }
    return integer
  }

  func number(_ name: String) throws(RequestFault) -> NumberText? {
    guard let value = self[name] else { return nil }
    guard value.kind == .number else { throw RequestFault(.badParameter, "\(name) must be a number") }
    guard let number = NumberText(value.text) else {
      throw RequestFault(.badParameter, "\(name) has too many digits: at most \(NumberText.byteCountMax)")
    }
    return number
  }

  /// The elements of an array of strings or integers as text; one bare value counts as an array of one.
  func list(_ name: String) throws(RequestFault) -> [String] {
    guard let value = self[name] else { return [] }
    var list: [String] = []
    for element in value.kind == .array ? Array(value.elements) : [value] {
      guard element.kind == .string || element.int64 != nil else {
        throw RequestFault(.badParameter, "\(name) must be an array of strings or integers")
      }
      list.append(element.string ?? String(decoding: element.text, as: UTF8.self))
    }
    return list
  }

  /// Writes the members as they came, without those named, separated by commas from each other and from what is there.
  func write(without omitted: Set<String>, into json: inout JSONBytes) {
    for (name, value) in members where !omitted.contains(name) { json.append(Field(name, value)) }
  }
}
