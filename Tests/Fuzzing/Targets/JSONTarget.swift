// The JSON parser against the slow judge of its own tests, and against itself: an accepted document that is written
// anew from its tape is accepted again and gives the same tape.

import JSONText

@Sendable func fuzzJSON(_ input: [UInt8]) throws(BrokenRule) {
  let isValid = ReferenceChecker.accepts(input)
  switch outline(input) {
  case .failure(let error):
    try require(!isValid, "refused a valid document: \(error)")
    try require((0...input.count).contains(error.offset), "the mistake is said to be at \(error.offset) of \(input.count)")
    try require(
      error.found == (error.offset < input.count ? input[error.offset] : nil), "\(error) is not what stands there")
    guard error.found != nil else { return }
    // No document begins like this, so the beginning alone is refused as well.
    try require(
      !ReferenceChecker.accepts(Array(input[...error.offset])), "a valid document ends at the mistake: \(error)")
  case .success(let outline):
    try require(isValid, "accepted what is no document")
    if let fault = outline.fault { throw BrokenRule(fault) }
    guard case .success(let again) = FuzzedOutline.read(outline.compact) else {
      throw BrokenRule("refused what its own tape says: \(outline.compact.text)")
    }
    try require(again.compact == outline.compact, "the tape changed: \(outline.compact.text) is read as \(again.compact.text)")
  }
}

private func outline(_ input: [UInt8]) -> Result<FuzzedOutline, JSONError> { FuzzedOutline.read(input) }

/// A document walked through: its text without spaces and with every string escaped anew, and what was wrong on the way.
private struct FuzzedOutline {
  var compact: [UInt8] = []
  var fault: String?

  static func read(_ input: [UInt8]) -> Result<FuzzedOutline, JSONError> {
    var parser = JSONParser()
    // A block of exactly this size, so that an address sanitizer sees the first byte read beyond it.
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: input.count, alignment: 1)
    defer { block.deallocate() }
    block.copyBytes(from: input)
    do throws(JSONError) {
      let outline = try parser.withDocument(UnsafeRawBufferPointer(block)) { root in
        var outline = FuzzedOutline()
        outline.walk(root, within: UnsafeRawBufferPointer(block))
        return outline
      }
      return .success(outline)
    } catch {
      return .failure(error)
    }
  }

  private mutating func walk(_ value: JSONValue, within parent: UnsafeRawBufferPointer) {
    let text = value.text
    guard let start = text.baseAddress, let outer = parent.baseAddress, !text.isEmpty, start >= outer,
      start + text.count <= outer + parent.count
    else {
      fault = "a value lies outside its container"
      return
    }
    switch value.kind {
    case .object:
      compact.append(UInt8(ascii: "{"))
      for (index, member) in value.members.enumerated() {
        if index > 0 { compact.append(UInt8(ascii: ",")) }
        walk(member.key, within: text)
        compact.append(UInt8(ascii: ":"))
        walk(member.value, within: text)
      }
      compact.append(UInt8(ascii: "}"))
    case .array:
      compact.append(UInt8(ascii: "["))
      for (index, element) in value.elements.enumerated() {
        if index > 0 { compact.append(UInt8(ascii: ",")) }
        walk(element, within: text)
      }
      compact.append(UInt8(ascii: "]"))
    case .string: quote(value)
    case .number, .true, .false, .null:
      compact += text
    }
  }

  private mutating func quote(_ value: JSONValue) {
    guard let string = value.string else {
      fault = "a string without text"
      return
    }
    let bytes = Array(string.utf8)
    if !bytes.withUnsafeBytes({ value.equals($0) }) { fault = "a string does not equal its own text" }
    if value.hasEscapes == (bytes == Array(value.contents)) { fault = "hasEscapes is wrong" }
    compact.append(UInt8(ascii: "\""))
    for byte in bytes {
      if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
        let digits = Array("0123456789abcdef".utf8)
        compact += [UInt8(ascii: "\\"), UInt8(ascii: "u"), 0x30, 0x30, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      } else {
        compact.append(byte)
      }
    }
    compact.append(UInt8(ascii: "\""))
  }
}
