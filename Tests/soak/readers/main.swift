// soak-readers SOCKET SYMBOLS-FILE SECONDS BEHAVIOUR=COUNT…
//
// Readers of a bridge in one thread: each checks everything it is told. Prints what was found as one line of JSON.

import Glibc

let arguments = CommandLine.arguments
guard arguments.count > 4, let seconds = Double(arguments[3]), let file = fopen(arguments[2], "r") else {
  refuse("usage: soak-readers SOCKET SYMBOLS-FILE SECONDS BEHAVIOUR=COUNT…")
}
var symbols: [String] = []
while let symbol = readLine(from: file) { symbols.append(symbol) }
fclose(file)

let findings = Findings()
var readers: [Reader] = []
for argument in arguments.dropFirst(4) {
  let parts = argument.split(separator: "=")
  guard parts.count == 2, let behaviour = Behaviour(rawValue: String(parts[0])), let count = Int(parts[1]) else {
    refuse("soak-readers: '\(argument)' is not BEHAVIOUR=COUNT")
  }
  for number in 0..<count {
    readers.append(Reader(behaviour, number: number, path: arguments[1], symbols: symbols, findings: findings))
  }
}

let start = Clock.seconds
var now = start
for reader in readers { reader.connect(now) }
var nextTick = start
while now < start + seconds {
  let waiting = readers.filter(\.waitsForInput)
  var polled = waiting.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
  poll(&polled, nfds_t(polled.count), 25)
  now = Clock.seconds
  for (reader, entry) in zip(waiting, polled) where entry.revents != 0 { reader.readable(now) }
  if now >= nextTick {
    nextTick = now + 0.05
    for reader in readers { reader.tick(now) }
  }
}

let latencies = findings.latencies.sorted()
func percentile(_ share: Double) -> Int32 { latencies.isEmpty ? 0 : latencies[Int(Double(latencies.count - 1) * share)] }
let examples = findings.examples.map { example in
  "\"" + example.unicodeScalars.map { $0 == "\"" || $0 == "\\" || $0.value < 0x20 ? "'" : String($0) }.joined() + "\""
}
print(
  """
  {"readers":\(readers.count),"lines":\(findings.lines),"bytes":\(findings.bytes),"gaps":\(findings.gaps),\
  "dropped":\(findings.dropped),"gaps_of_steady":\(findings.gapsOfSteady),"stales":\(findings.stales),\
  "resumes":\(findings.resumes),"resumes_expired":\(findings.resumesExpired),"goodbyes":\(findings.goodbyes),\
  "not_live":\(readers.reduce(0) { $0 + $1.topicsNotLive }),"unmarked":\(findings.violations),\
  "latency_us":[\(percentile(0.5)),\(percentile(0.99)),\(percentile(0.999)),\(latencies.last ?? 0)],\
  "cpu_seconds":\(Double(clock()) / Double(CLOCKS_PER_SEC)),"examples":[\(examples.joined(separator: ","))]}
  """)

func readLine(from file: UnsafeMutablePointer<FILE>) -> String? {
  var line: UnsafeMutablePointer<CChar>?
  var capacity = 0
  defer { free(line) }
  guard getline(&line, &capacity, file) > 1, let line else { return nil }
  return String(String(cString: line).dropLast())
}

func refuse(_ why: String) -> Never {
  var line = why + "\n"
  line.withUTF8 { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
  exit(64)
}
