// The words of the command line. An argument parser would be half of what this program is made of.

struct Options {
  let command: String?
  private var values: [String: String] = [:]
  private var stray: [String] = []

  init(_ arguments: ArraySlice<String>) {
    var arguments = arguments
    command = arguments.popFirst()
    while let argument = arguments.popFirst() {
      guard argument.hasPrefix("--") else {
        stray.append(argument)
        continue
      }
      let takesValue = arguments.first.map { !$0.hasPrefix("--") } ?? false
      values[argument] = takesValue ? arguments.removeFirst() : ""
    }
  }

  mutating func flag(_ name: String) throws(BenchmarkFault) -> Bool {
    guard let value = values.removeValue(forKey: name) else { return false }
    guard value.isEmpty else { throw .usage("\(name) takes no value") }
    return true
  }

  mutating func text(_ name: String) throws(BenchmarkFault) -> String? {
    guard let value = values.removeValue(forKey: name) else { return nil }
    guard !value.isEmpty else { throw .usage("\(name) needs a value") }
    return value
  }

  mutating func count(_ name: String, default standard: Int? = nil, atLeast least: Int = 1) throws(BenchmarkFault) -> Int {
    guard let text = try text(name) else {
      guard let standard else { throw .usage("\(name) is missing") }
      return standard
    }
    guard let count = Int(text), count >= least else { throw .usage("\(name) takes a number from \(least) up") }
    return count
  }

  /// Whatever nobody asked for is a mistake.
  func finish() throws(BenchmarkFault) {
    if let unknown = (stray + values.keys.sorted()).first { throw .usage("no option \(unknown)") }
  }
}
