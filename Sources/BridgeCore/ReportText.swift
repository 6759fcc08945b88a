// Writing reports member by member: a comma goes before every member or element but the first, which is the one
// that follows an opening bracket. Nil leaves a member out.

import BridgeWire
import JSONText

extension JSONBytes {
  private mutating func separate() { if needsComma { append(",") } }

  mutating func add(_ key: StaticString, _ write: (inout JSONBytes) -> Void) {
    separate()
    append("\"")
    append(key)
    append("\":")
    write(&self)
  }

  mutating func object(_ members: (inout JSONBytes) -> Void) {
    append("{")
    members(&self)
    append("}")
  }

  mutating func addObject(_ key: StaticString, _ members: (inout JSONBytes) -> Void) {
    add(key) { $0.object(members) }
  }

  /// What goes into a line beside its longest list.
  private static let bytesBesideList = 16 << 10

  /// An array of objects. As no line may be longer than `bytesMax`, those that do not fit are counted in `omitted`.
  mutating func add<C: Collection>(
    _ key: StaticString, objects elements: C, bytesMax: Int = .max, _ members: (inout JSONBytes, C.Element) -> Void
  ) {
    var written = 0
    add(key) { array in
      array.append("[")
      for element in elements where array.count < bytesMax - Self.bytesBesideList {
        array.separate()
        array.object { members(&$0, element) }
        written += 1
      }
      array.append("]")
    }
    if written < elements.count { add("omitted", elements.count - written) }
  }

  mutating func add(_ key: StaticString, _ value: String?) {
    if let value { add(key) { $0.append(quoted: value) } }
  }

  mutating func add<I: FixedWidthInteger>(_ key: StaticString, _ value: I?) {
    if let value { add(key) { $0.append(value) } }
  }

  mutating func add(_ key: StaticString, _ value: Bool) { add(key) { $0.append(value ? "true" : "false") } }

  /// Seconds.
  mutating func add(_ key: StaticString, _ value: Duration?) {
    if let value { add(key) { $0.append(seconds: value) } }
  }

  mutating func add(_ topic: TopicKey) {
    add("channel", topic.channel.rawValue)
    appendTopicParameters(topic)
  }

  mutating func list<S: Sequence>(_ elements: S, _ write: (inout JSONBytes, S.Element) -> Void) {
    append("[")
    for element in elements {
      separate()
      write(&self, element)
    }
    append("]")
  }
}
