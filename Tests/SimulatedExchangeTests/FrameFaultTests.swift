import Testing

@testable import SimulatedExchange

/// Faults of frames and of the text in them.
struct FrameFaultTests {
  @Test func fragmentedFrames() {
    var client = Client.subscribed()
    _ = client.takeOutputs()
    client.inject(Fault(.fragmentedFrames, duration: 2 * second, size: 10))
    client.run(seconds: 1.9)
    let outputs = client.takeOutputs()
    #expect(outputs.count > 20)
    for output in outputs {
      guard case .fragments(let fragments, _) = output else { return #expect(Bool(false), "\(output)") }
      #expect(fragments.allSatisfy { $0.count <= 10 })
      #expect(JSONValue(Array(fragments.joined())) != nil)
    }
  }

  @Test func slowFrames() {
    var client = Client.subscribed()
    _ = client.takeOutputs()
    client.inject(Fault(.slowFrames, count: 1, delay: 5_000_000, size: 3))
    client.run(seconds: 1)
    guard case .slow(_, let chunk, let interval)? = client.takeOutputs().first else {
      return #expect(Bool(false), "no slow frame")
    }
    #expect(chunk == 3 && interval == 5_000_000)
  }

  @Test(arguments: [
    Fault.Name.garbage, .invalidUTF8, .truncatedJSON, .unknownChannel, .unknownMethod, .binaryFrame, .ping, .oversized,
  ])
  func nonsense(_ name: Fault.Name) {
    var client = Client.subscribed()
    _ = client.takeOutputs()
    client.inject(Fault(name))
    let outputs = client.takeOutputs()
    #expect(outputs.count == 1)
    switch (name, outputs.first) {
    case (.garbage, .text(let text)), (.truncatedJSON, .text(let text)):
      #expect(JSONValue(text) == nil && String(validating: text, as: UTF8.self) != nil)
    case (.invalidUTF8, .text(let text)): #expect(String(validating: text, as: UTF8.self) == nil)
    case (.unknownChannel, .text(let text)): #expect(JSONValue(text)?["channel"]?.string == "weather")
    case (.unknownMethod, .text(let text)): #expect(JSONValue(text)?["method"]?.string == "dance")
    case (.oversized, .text(let text)): #expect(text.count == 17 << 20)
    case (.binaryFrame, .binary), (.ping, .ping): break
    default: #expect(Bool(false), "\(outputs)")
    }
    client.run(seconds: 1)
    #expect(!client.takeData("book").isEmpty)
  }

  @Test(arguments: [Fault.Name.extraFields, .shuffledKeys, .spacedJSON])
  func otherWordingSameMeaning(_ name: Fault.Name) {
    var plain = Client.subscribed()
    var odd = Client.subscribed()
    odd.inject(Fault(name, duration: 20 * second))
    plain.run(seconds: 5)
    odd.run(seconds: 5)
    #expect(misfits(odd.takeMessages()).firstIndex(of: true) == nil)
    _ = plain.takeOutputs()
    plain.run(seconds: 2)
    odd.run(seconds: 2)
    let (first, second) = (plain.takeTexts(), odd.takeTexts())
    #expect(first.count == second.count && first != second)
    func sorted(_ value: JSONValue) -> JSONValue {
      switch value {
      case .array(let elements): .array(elements.map(sorted))
      case .object(let members):
        .object(
          members.filter { !["novelty", "note\u{e9}"].contains($0.key) }.sorted { $0.key < $1.key }
            .map { .init(key: $0.key, value: sorted($0.value)) })
      default: value
      }
    }
    for (left, right) in zip(first, second) {
      let isSame = JSONValue(Array(left.utf8)).map(sorted) == JSONValue(Array(right.utf8)).map(sorted)
      #expect(isSame, "\(left)\n\(right)")
    }
  }
}
