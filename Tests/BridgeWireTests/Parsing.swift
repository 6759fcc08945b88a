// What the tests of this target share: parsing text, and reading lines as JSON.

import BridgeWire
import JSONText
import Testing

/// What a request line is understood as.
func parse(_ text: String) -> Result<Request?, RequestFault> { parse(bytes: Array(text.utf8)) }

func parse(bytes: [UInt8]) -> Result<Request?, RequestFault> {
  var parser = RequestParser()
  return bytes.withUnsafeBytes { bytes in
    do throws(RequestFault) {
      return .success(try parser.parse(bytes))
    } catch {
      return .failure(error)
    }
  }
}

/// The request, or a failed test.
func understood(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> Request {
  try #require(try parse(text).get(), sourceLocation: sourceLocation)
}

/// The refusal, or a failed test.
func refused(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> RequestFault {
  switch parse(text) {
  case .failure(let fault): return fault
  case .success(let request):
    Issue.record("understood as \(String(describing: request))", sourceLocation: sourceLocation)
    throw RequestFault(.internal, "understood")
  }
}

/// The keys of a JSON object in their order; nil when the text is none.
func keys(of text: String) -> [String]? {
  var parser = JSONParser()
  return try? parser.withDocument(Array(text.utf8)) { root in
    root.kind == .object ? root.members.map { $0.key.string ?? "" } : nil
  }
}

/// What `write` appends, which must be one line of JSON.
func line(sourceLocation: SourceLocation = #_sourceLocation, _ write: (inout JSONBytes) -> Void) -> String {
  var bytes = JSONBytes()
  write(&bytes)
  let text = bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  #expect(text.hasSuffix("\n"), sourceLocation: sourceLocation)
  let line = String(text.dropLast())
  #expect(!line.contains("\n"), sourceLocation: sourceLocation)
  #expect(keys(of: line) != nil, "not a JSON object: \(line)", sourceLocation: sourceLocation)
  return line
}
