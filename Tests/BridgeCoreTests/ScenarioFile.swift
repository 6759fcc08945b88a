// A wire scenario: a text file that says what Kraken and readers send and, line by line, what the bridge must answer.
//
// The format is described in Scenarios/README.md. This file only reads it; `ScenarioRunner` plays it.

import BridgeCore
import Foundation
import KrakenSession
import KrakenWire

struct ScenarioFile: Sendable {
  struct Step: Sendable {
    var action: ScenarioAction
    var text: String
    var file: String
    var line: Int
    /// Comes from an include: its text belongs to another file.
    var isIncluded = false

    var place: String { "\(file):\(line)" }
  }

  var name: String
  var url: URL
  var steps: [Step]

  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Scenarios")
  static let fixtures = folder.appendingPathComponent("../../Fixtures/kraken").standardized

  /// Every scenario of the folder, by name.
  static let names: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
    .filter { $0.hasSuffix(".scenario") }.map { String($0.dropLast(9)) }.sorted()

  init(named name: String) throws {
    try self.init(name: name, url: Self.folder.appendingPathComponent(name + ".scenario"))
  }

  init(name: String, url: URL) throws {
    self.init(name: name, url: url, steps: try Self.steps(of: url))
  }

  init(name: String, url: URL, steps: [Step]) {
    self.name = name
    self.url = url
    self.steps = steps
  }

  /// A scenario that is not in a file: for tests of the runner.
  init(text: String) throws {
    let url = URL(fileURLWithPath: "inline")
    self.init(name: "inline", url: url, steps: try Self.steps(in: text, file: "inline"))
  }

  private static func steps(of url: URL) throws -> [Step] {
    try steps(in: String(contentsOf: url, encoding: .utf8), file: url.lastPathComponent)
  }

  private static func steps(in text: String, file: String) throws -> [Step] {
    var steps: [Step] = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let step = Step(
        action: try ScenarioAction(String(line), place: "\(file):\(index + 1)"), text: String(line), file: file,
        line: index + 1)
      steps.append(step)
      guard case .include(let name) = step.action else { continue }
      for var included in try Self.steps(of: folder.appendingPathComponent("include/\(name).inc")) {
        included.isIncluded = true
        steps.append(included)
      }
    }
    if steps.last?.text.isEmpty == true { steps.removeLast() }
    return steps
  }
}

struct ScenarioSyntaxError: Error, CustomStringConvertible {
  var description: String
}

enum ScenarioAction: Sendable {
  case comment
  case include(String)
  case config([String])

  case open, acknowledge, binary
  case upstream(UpstreamName)
  case token(TokenOutcome)
  case credentials(Bool)
  case restAnswer(String, error: String?)
  case close(code: UInt16?, reason: String)
  case fail(TransportFailure)
  case message(String)
  case fixture(String, ClosedRange<Int>)

  case advance(Duration)
  /// Time passes with a heartbeat each second and pings answered.
  case live(Duration)

  case connect(String, listener: String, uid: UInt32)
  case input(String, [UInt8])
  case inputByBytes(String, [UInt8])
  case halfClose(String), leave(String), resume(String), breakOff(String)
  case stop(String, room: Int)
  case shutdown, restart
  case reloaded(String, error: String?)

  case expectRequest(String)
  case expectLine(String, String)
  case expectClosed(String)
  case expectNothing(String)
  case expectLogged(String)
  case expectListening(String, Bool)

  var isExpectation: Bool {
    switch self {
    case .expectRequest, .expectLine, .expectClosed, .expectNothing, .expectLogged, .expectListening: true
    default: false
    }
  }

  var isEvent: Bool {
    switch self {
    case .comment, .include: false
    default: !isExpectation
    }
  }
}

// MARK: Reading

extension ScenarioAction {
  init(_ line: String, place: String) throws {
    func wrong(_ why: String) -> ScenarioSyntaxError { ScenarioSyntaxError(description: "\(place): \(why): \(line)") }
    guard let first = line.first, first != "#" else {
      self = .comment
      return
    }
    if line.hasPrefix("> ") {
      self = .message(String(line.dropFirst(2)))
      return
    }
    if line.hasPrefix("< ") {
      self = .expectRequest(String(line.dropFirst(2)))
      return
    }
    if first.isUppercase {
      self = try Self.ofReader(line) ?? { throw wrong("not understood") }()
      return
    }
    let words = line.split(separator: " ").map(String.init)
    let rest = words.dropFirst()
    func argument(_ index: Int) throws -> String {
      guard index < words.count else { throw wrong("something is missing") }
      return words[index]
    }
    func duration(_ index: Int) throws -> Duration {
      guard let duration = Duration(scenario: try argument(index)) else { throw wrong("not a duration") }
      return duration
    }
    switch words[0] {
    case "include": self = .include(try argument(1))
    case "config": self = .config(Array(rest))
    case "open": self = .open
    case "upstream":
      guard let name = try UpstreamName.allCases.first(where: { $0.text == (try argument(1)) }) else {
        throw wrong("no upstream")
      }
      self = .upstream(name)
    case "token":
      self = .token(.token(Array(try argument(1).utf8).withUnsafeBytes { Secret($0) }))
    case "no-token": self = .token(.failed(rest.joined(separator: " "), mayRetry: true))
    case "never-a-token": self = .token(.failed(rest.joined(separator: " "), mayRetry: false))
    case "credentials": self = .credentials(try argument(1) == "yes")
    case "rest": self = .restAnswer(rest.joined(separator: " "), error: nil)
    case "rest-fails": self = .restAnswer("", error: rest.joined(separator: " "))
    case "ack": self = .acknowledge
    case "binary": self = .binary
    case "close":
      self = .close(code: UInt16(words.count > 1 ? words[1] : ""), reason: rest.dropFirst().joined(separator: " "))
    case "refuse":
      guard let status = Int(try argument(1)) else { throw wrong("not an HTTP status") }
      self = .fail(.httpStatus(status))
    case "unreachable": self = .fail(.connect(rest.joined(separator: " ")))
    case "tls-failure": self = .fail(.tls(rest.joined(separator: " ")))
    case "no-connection": self = .fail(.timeout)
    case "fixture":
      let bounds = try argument(2).split(separator: "-").compactMap { Int($0) }
      guard let low = bounds.first, let high = bounds.last, low <= high else { throw wrong("not a range of lines") }
      self = .fixture(words[1], low...high)
    case "advance": self = .advance(try duration(1))
    case "live": self = .live(try duration(1))
    case "connect":
      let options = words.dropFirst(2)
      let uid = options.first { $0.hasPrefix("uid=") }.flatMap { UInt32($0.dropFirst(4)) } ?? 1000
      self = .connect(try argument(1), listener: options.first { !$0.contains("=") } ?? "bridge", uid: uid)
    case "halfclose": self = .halfClose(try argument(1))
    case "leave": self = .leave(try argument(1))
    case "break": self = .breakOff(try argument(1))
    case "stop": self = .stop(try argument(1), room: words.count > 2 ? Int(words[2]) ?? 0 : 0)
    case "resume": self = .resume(try argument(1))
    case "shutdown": self = .shutdown
    case "restart": self = .restart
    case "reloaded":
      let error = rest.dropFirst().joined(separator: " ")
      self = .reloaded(try argument(1), error: error.isEmpty ? nil : error)
    case "nothing": self = .expectNothing(try argument(1))
    case "logged": self = .expectLogged(try argument(1))
    default: throw wrong("not understood")
    }
  }

  /// `A: …`, `A! …`, `A. …`, `A* N …`, `A< …`, `A closed`, `A paused`, `A listening`.
  private static func ofReader(_ line: String) throws -> ScenarioAction? {
    let name = String(line.prefix { $0.isLetter || $0.isNumber })
    let rest = line.dropFirst(name.count)
    let text = String(rest.dropFirst(rest.dropFirst().first == " " ? 2 : 1))
    switch rest.first {
    case ":": return .input(name, Array((text + "\n").utf8))
    case ".": return .inputByBytes(name, Array((text + "\n").utf8))
    case "!": return unescaped(text).map { .input(name, $0) }
    case "*":
      let parts = text.split(separator: " ", maxSplits: 1)
      let tail = parts.last?.split(separator: " + ", maxSplits: 1, omittingEmptySubsequences: false) ?? []
      guard parts.count == 2, let count = Int(parts[0]), let once = unescaped(String(tail[0])),
        let end = unescaped(tail.count > 1 ? String(tail[1]) : "")
      else { return nil }
      return .input(name, Array(repeatElement(once, count: count).joined()) + end)
    case "<": return .expectLine(name, text)
    default:
      switch rest {
      case " closed": return .expectClosed(name)
      case " paused": return .expectListening(name, false)
      case " listening": return .expectListening(name, true)
      default: return nil
      }
    }
  }

  /// `\n \r \t \0 \\ \xNN`.
  private static func unescaped(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        bytes.append(byte)
        continue
      }
      switch rest.popFirst() {
      case UInt8(ascii: "n"): bytes.append(10)
      case UInt8(ascii: "r"): bytes.append(13)
      case UInt8(ascii: "t"): bytes.append(9)
      case UInt8(ascii: "0"): bytes.append(0)
      case UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "\\"))
      case UInt8(ascii: "x"):
        guard let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else { return nil }
        bytes.append(value)
        rest = rest.dropFirst(2)
      default: return nil
      }
    }
    return bytes
  }
}

extension Duration {
  /// `5s`, `250ms`, `10m`.
  init?(scenario text: String) {
    let number = text.prefix { $0.isNumber }
    guard let value = Int64(number) else { return nil }
    switch text.dropFirst(number.count) {
    case "ms": self = .milliseconds(value)
    case "s": self = .seconds(value)
    case "m": self = .seconds(value * 60)
    default: return nil
    }
  }
}
