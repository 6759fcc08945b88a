// One reader: a connection, what it asks for, and how well it behaves.

import Glibc

enum Clock {
  static var seconds: Double { read(CLOCK_MONOTONIC) }
  static var wallMicroseconds: Int64 { Int64(read(CLOCK_REALTIME) * 1e6) }

  private static func read(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

enum Behaviour: String, CaseIterable {
  /// Books of every pair, read as they come.
  case steady
  /// Tickers and trades of every pair, read as they come.
  case quotes
  /// Books of some pairs at three depths.
  case deep
  /// As `steady`, its writing side shut down.
  case halfclosed
  /// Reads less than it is sent, for good.
  case slow
  /// The same, and asks to be disconnected for it.
  case disconnect
  /// Cut off every second or two, comes back with `since`.
  case resuming
  /// The same without `since`.
  case fresh
  /// Asks all sorts of things, most of them wrong.
  case typing
  /// As `steady`, in a process that somebody stops.
  case stopped

  var readsEverything: Bool { ![.slow, .disconnect].contains(self) }
  var mayLag: Bool { [.slow, .disconnect, .stopped].contains(self) }
  var comesAndGoes: Bool { [.resuming, .fresh].contains(self) }
}

final class Reader {
  struct Subscription {
    var channel: String
    var symbols: [String]
    var depth: Int?

    func request(_ symbols: [String], since: UInt64?, onSlow: String?) -> String {
      let names = symbols.map { "\"\($0)\"" }.joined(separator: ",")
      return "{\"method\":\"subscribe\",\"params\":{\"channel\":\"\(channel)\",\"symbol\":[\(names)]"
        + (depth.map { ",\"depth\":\($0)" } ?? "") + (since.map { ",\"since\":\($0)" } ?? "")
        + (onSlow.map { ",\"on_slow\":\"\($0)\"" } ?? "") + "}}\n"
    }
  }

  private static let bytesPerTickOfSlow = 1024
  private static let wrongRequests = [
    "subscribe book", "hello?", "{\"method\":\"subscribe\"}", "{\"method\":\"dance\",\"req_id\":1}", "status", "topics",
    "{\"method\":\"subscribe\",\"params\":{\"channel\":\"ticker\",\"symbol\":[\"NO/SUCH\"]}}", "{", "\u{1}\u{2}", "help",
    "{\"method\":\"ping\",\"req_id\":7}", "snapshot book BTC/USD", "unsubscribe trade BTC/USD", "subscribe trade BTC/USD",
    "{\"method\":\"subscribe\",\"params\":{\"channel\":\"book\",\"symbol\":\"BTC/USD\",\"depth\":11}}", "metrics",
  ]

  let behaviour: Behaviour
  let name: String
  private(set) var descriptor: Int32 = -1
  private let path: String
  private let subscriptions: [Subscription]
  private let model: Model
  private let findings: Findings
  private var buffer: [UInt8] = []
  private var chance: SystemRandomNumberGenerator
  /// When a reader that comes and goes does the next of the two.
  private var nextMove = 0.0
  private var linesRead = 0

  init(_ behaviour: Behaviour, number: Int, path: String, symbols: [String], findings: Findings) {
    self.behaviour = behaviour
    self.path = path
    self.findings = findings
    name = "\(behaviour.rawValue)-\(number)"
    model = Model(name: name, mayLag: behaviour.mayLag, findings: findings)
    chance = SystemRandomNumberGenerator()
    let some = symbols.indices.filter { $0 % 10 == number % 10 }.map { symbols[$0] }
    subscriptions =
      switch behaviour {
      case .quotes: ["ticker", "trade"].map { Subscription(channel: $0, symbols: symbols) }
      case .deep: [25, 100, 1000].map { Subscription(channel: "book", symbols: some, depth: $0) }
      case .typing: [Subscription(channel: "ticker", symbols: some)]
      case .resuming, .fresh:
        [Subscription(channel: "book", symbols: some, depth: 10), Subscription(channel: "ticker", symbols: some)]
      default: [Subscription(channel: "book", symbols: symbols, depth: 10)]
      }
  }

  // MARK: Connecting

  func connect(_ now: Double) {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // Sound: the path is cut to the field, which starts zeroed and keeps its last byte zero.
    withUnsafeMutableBytes(of: &address.sun_path) { $0.dropLast().copyBytes(from: path.utf8.prefix(107)) }
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result == 0 else {
      disconnect(now, pause: 1)
      return findings.violation("\(name): cannot connect: \(String(cString: strerror(errno)))")
    }
    model.connected()
    subscribe()
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    if behaviour == .halfclosed { shutdown(descriptor, Int32(SHUT_WR)) }
    nextMove = now + (behaviour.comesAndGoes ? Double.random(in: 0.2...2.5, using: &chance) : 0.05)
  }

  private func subscribe() {
    let onSlow = behaviour == .disconnect ? "disconnect" : nil
    let since = model.largestSeq
    if behaviour != .resuming { model.forgetEverything() }
    // All in one write, so that what is resumed is one replay, in order: being cut off within it loses nothing.
    var requests = ""
    for subscription in subscriptions {
      var known: [String] = []
      var unknown: [String] = []
      for symbol in subscription.symbols {
        if behaviour == .resuming, model.resume(subscription.topic(symbol)) { known.append(symbol) } else { unknown.append(symbol) }
      }
      if !known.isEmpty {
        findings.resumes += 1
        requests += subscription.request(known, since: since, onSlow: onSlow)
      }
      if !unknown.isEmpty { requests += subscription.request(unknown, since: nil, onSlow: onSlow) }
    }
    send(requests)
  }

  private func send(_ text: String) {
    var text = text
    text.withUTF8 { bytes in
      let sent = Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
      if sent != bytes.count, behaviour != .typing { findings.violation("\(name): cannot send: \(String(cString: strerror(errno)))") }
    }
  }

  private func disconnect(_ now: Double, pause: Double) {
    close(descriptor)
    descriptor = -1
    buffer = []
    nextMove = now + pause
  }

  // MARK: Life

  /// Whether it wants to be told that there is something to read.
  var waitsForInput: Bool { descriptor >= 0 && behaviour.readsEverything }

  /// Called every 50 ms or so.
  func tick(_ now: Double) {
    if descriptor < 0 {
      if now >= nextMove { connect(now) }
    } else if !behaviour.readsEverything {
      _ = read(atMost: Self.bytesPerTickOfSlow, now)
    } else if behaviour.comesAndGoes, now >= nextMove {
      disconnect(now, pause: Double.random(in: 0.02...0.5, using: &chance))
    } else if behaviour == .typing {
      send(Self.wrongRequests.randomElement(using: &chance)! + "\n")
    }
  }

  func readable(_ now: Double) {
    for _ in 0..<4 where descriptor >= 0 && read(atMost: 262_144, now) == 262_144 {}
  }

  private func read(atMost count: Int, _ now: Double) -> Int {
    let had = buffer.count
    buffer.append(contentsOf: repeatElement(0, count: count))
    let got = buffer.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + had, count) }
    buffer.removeLast(count - max(0, got))
    if got > 0 {
      findings.bytes += UInt64(got)
      takeLines(from: had)
    } else if got == 0 || errno != EAGAIN {
      closedByBridge(now)
    }
    return got
  }

  private func takeLines(from start: Int) {
    let rest = buffer.withUnsafeBufferPointer { bytes in
      var first = 0
      var searched = start
      while let end = bytes[searched...].firstIndex(of: 0x0A) {
        linesRead += 1
        model.take(
          Bytes(rebasing: bytes[first..<end]), sampleLatency: !behaviour.mayLag && !behaviour.comesAndGoes && linesRead % 64 == 0)
        first = end + 1
        searched = first
      }
      return first
    }
    buffer.removeSubrange(..<rest)
  }

  private func closedByBridge(_ now: Double) {
    // Only who asked for it is ever disconnected, and then its last line may be cut short.
    if behaviour != .disconnect { findings.violation("\(name): the bridge closed the connection\(buffer.isEmpty ? "" : " within a line")") }
    disconnect(now, pause: 1)
  }

  /// At the end of a run, with all faults over: topics of a well-behaved reader that are not live.
  var topicsNotLive: Int {
    guard descriptor >= 0, !behaviour.mayLag, !behaviour.comesAndGoes, behaviour != .typing else { return 0 }
    return model.notLive(among: subscriptions.flatMap { subscription in subscription.symbols.map(subscription.topic) })
  }
}

extension Reader.Subscription {
  func topic(_ symbol: String) -> UInt64 { Line.topic(channel: channel, symbol: symbol, depth: depth) }
}
