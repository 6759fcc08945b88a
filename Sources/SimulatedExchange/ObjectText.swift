// A JSON object written member by member, in the order given.

struct ObjectText {
  private var text = Text("{".utf8)

  private mutating func begin(_ key: StaticString) {
    text.add(text.count == 1 ? "\"" : ",\"")
    text.add(key)
    text.add("\":")
  }

  mutating func string(_ key: StaticString, _ value: String) {
    begin(key)
    text.add(quoted: value)
  }

  mutating func string(_ key: StaticString, _ value: String?) {
    if let value { string(key, value) }
  }

  mutating func integer(_ key: StaticString, _ value: Int) {
    begin(key)
    text.add(integer: value)
  }

  /// With all its decimals.
  mutating func number(_ key: StaticString, _ value: Int64, _ decimals: Int) {
    begin(key)
    text.add(scaled: value, decimals: decimals)
  }

  /// The same as a string, as the REST API writes numbers.
  mutating func quoted(_ key: StaticString, _ value: Int64, _ decimals: Int) {
    begin(key)
    text.append(UInt8(ascii: "\""))
    text.add(scaled: value, decimals: decimals)
    text.append(UInt8(ascii: "\""))
  }

  mutating func flag(_ key: StaticString, _ value: Bool) {
    begin(key)
    text.add(value ? "true" : "false" as StaticString)
  }

  mutating func time(_ key: StaticString, _ value: Int64, fraction: Int = 6) {
    begin(key)
    text.append(UInt8(ascii: "\""))
    text.add(time: value, fraction: fraction)
    text.append(UInt8(ascii: "\""))
  }

  /// `value` is finished JSON.
  mutating func json(_ key: StaticString, _ value: Text) {
    begin(key)
    text += value
  }

  var finished: Text { text + [UInt8(ascii: "}")] }
}

extension Text {
  /// `elements` are finished JSON.
  static func list(_ elements: some Sequence<Text>) -> Text {
    var text = Text("[".utf8)
    for (index, element) in elements.enumerated() {
      if index > 0 { text.append(UInt8(ascii: ",")) }
      text += element
    }
    text.append(UInt8(ascii: "]"))
    return text
  }
}
