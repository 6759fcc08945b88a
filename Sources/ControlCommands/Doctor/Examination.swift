// Where `doctor` looks: the daemon, systemd, /proc, and the way to Kraken. Gathers only; what it means
// is in Finding.

import Glibc
import KrakenBridgeClient

struct Examination: Sendable {
  /// Runs a program to its end: its exit status and everything it wrote, `nil` if there is no such program.
  typealias Programs = @Sendable (_ arguments: [String]) -> (status: Int32, text: String)?

  let address: BridgeAddress
  let checksNetwork: Bool
  var run: Programs = { ChildProcess.output(of: $0) }

  /// Looks at everything; `report` gets each finding as soon as it is there.
  func examine(_ report: (Finding) throws -> Void) async throws -> [Finding] {
    var findings: [Finding] = []
    func note(_ finding: Finding) throws {
      findings.append(finding)
      try report(finding)
    }
    var status: JSON?
    var ahead: Double?
    do {
      let bridge = try await BridgeConnection.connect(to: address)
      defer { bridge.close() }
      try note(.daemon(address, hello: bridge.hello, error: nil))
      status = try await bridge.ask(BridgeRequest("status")).result
      ahead = await clockOffset()
    } catch let error as BridgeError {
      try note(.daemon(address, hello: nil, error: error))
    }
    for finding in status.map(Finding.status) ?? [] { try note(finding) }
    if let pid = status?["pid"]?.int { try note(descriptors(of: pid)) }
    try note(.unit(unitState(), daemonAnswers: status != nil))
    try note(.configuration(run(["kraken-bridged", "--check-config"])))
    if checksNetwork {
      let way = network(status)
      for finding in way.findings { try note(finding) }
      ahead = ahead ?? way.ahead
    }
    try note(.clock(aheadBySeconds: ahead))
    return findings
  }

  private func unitState() -> String? {
    guard let text = run(["systemctl", "is-active", "kraken-bridge.service"])?.text, !text.contains("not been booted with systemd")
    else { return nil }
    return text.split(separator: "\n").first.map(String.init)
  }

  /// By how much the daemon's clock is ahead of the times in the first line that comes from Kraken now, the way here
  /// included; `nil` if none comes soon.
  private func clockOffset() async -> Double? {
    let lines = BridgeFeed(address, [Subscription("ticker", ["*"]), Subscription("trade", ["*"])], reconnects: false)
    return await withTaskGroup(of: Double?.self) { group in
      group.addTask {
        do {
          for try await case .message(.event(let event)) in lines where event.kind == .update {
            if let time = event.time.flatMap(ReplayClock.seconds), let received = event.received.flatMap(ReplayClock.seconds) {
              return received - time
            }
          }
        } catch {
          // Whatever ails the connection is told by other findings.
        }
        return nil
      }
      group.addTask {
        try? await Task.sleep(for: .seconds(3))
        return nil
      }
      defer { group.cancelAll() }
      return await group.next() ?? nil
    }
  }

  private func descriptors(of pid: Int) -> Finding {
    let limits = Self.contents("/proc/\(pid)/limits") ?? ""
    var used: Int?
    if let directory = opendir("/proc/\(pid)/fd") {
      defer { closedir(directory) }
      var count = -2  // `.` and `..`
      while readdir(directory) != nil { count += 1 }
      used = count
    }
    return .descriptors(limits: limits, used: used)
  }

  /// The way to Kraken as curl finds it: name, connection, TLS, answer; and by how much our clock is ahead of the time there.
  private func network(_ status: JSON?) -> (findings: [Finding], ahead: Double?) {
    let url = status?["upstreams"]?.elements.first { $0["name"] == "public" }?["url"]?.string ?? "wss://ws.kraken.com/v2"
    guard let host = Self.remoteHost(of: url) else {
      return ([Finding("network", .skipped, "the upstream is on this machine: \(url)")], nil)
    }
    // Any answer will do: what is asked is whether name, connection and TLS work.
    let socket = curl(["-o", "/dev/null", "https://\(host)/"])
    let time = curl(["--fail", "https://api.kraken.com/0/public/Time"])
    // Kraken gives whole seconds: on average half a second has passed since.
    let ahead = time.flatMap { JSON(parsing: $0.text)?["result"]?["unixtime"]?.approximate }.map { wallSeconds() - $0 - 0.5 }
    return ([.reachability("WebSocket", host: host, curl: socket), .reachability("REST", host: "api.kraken.com", curl: time)], ahead)
  }

  private func curl(_ arguments: [String]) -> (status: Int32, text: String)? {
    run(["curl", "--silent", "--max-time", "10"] + arguments)
  }

  /// The host of a URL, unless it is this machine.
  static func remoteHost(of url: String) -> String? {
    guard let scheme = url.firstRange(of: "://") else { return nil }
    let authority = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
    let host = authority.hasPrefix("[") ? String(authority.dropFirst().prefix { $0 != "]" }) : String(authority.prefix { $0 != ":" })
    return host.isEmpty || host == "localhost" || host == "::1" || host.hasPrefix("127.") ? nil : host
  }

  private static func contents(_ path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 16 << 10)
    let count = read(file, &bytes, bytes.count)
    return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
  }
}
