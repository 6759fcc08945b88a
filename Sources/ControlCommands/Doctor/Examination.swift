// Where `doctor` looks: the daemon, systemd, /proc, and the way to Kraken. Gathers only; what it means
// is in Finding.

import Glibc
import KrakenBridgeClient

struct Examination: Sendable {
  let address: BridgeAddress
  let checksNetwork: Bool

  /// Looks at everything; `report` gets each finding as soon as it is there.
  func run(_ report: (Finding) throws -> Void) async throws -> [Finding] {
    var findings: [Finding] = []
    func note(_ finding: Finding) throws {
      findings.append(finding)
      try report(finding)
    }
    var status: JSON?
    do {
      let bridge = try await BridgeConnection.connect(to: address)
      defer { bridge.close() }
      try note(.daemon(address, hello: bridge.hello, error: nil))
      status = try await bridge.ask(BridgeRequest("status")).result
    } catch let error as BridgeError {
      try note(.daemon(address, hello: nil, error: error))
    }
    for finding in status.map(Finding.status) ?? [] { try note(finding) }
    if let pid = status?["pid"]?.int { try note(descriptors(of: pid)) }
    try note(.unit(unitState()))
    try note(.configuration(ChildProcess.output(of: ["kraken-bridged", "--check-config"])))
    for finding in checksNetwork ? network(status) : [] { try note(finding) }
    return findings
  }

  private func unitState() -> String? {
    guard access("/run/systemd/system", F_OK) == 0 else { return nil }
    return ChildProcess.output(of: ["systemctl", "is-active", "kraken-bridge.service"])?.text
      .split(separator: "\n").first.map(String.init)
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

  /// The way to Kraken as curl finds it: name, connection, TLS, answer, and what time it is there.
  private func network(_ status: JSON?) -> [Finding] {
    let url = status?["upstreams"]?.elements.first { $0["name"] == "public" }?["url"]?.string ?? "wss://ws.kraken.com/v2"
    guard let host = Self.remoteHost(of: url) else {
      return [Finding("network", .skipped, "the upstream is on this machine: \(url)")]
    }
    // Any answer will do: what is asked is whether name, connection and TLS work.
    let socket = curl(["-o", "/dev/null", "https://\(host)/"])
    let time = curl(["--fail", "https://api.kraken.com/0/public/Time"])
    var findings = [Finding.reachability("WebSocket", host: host, curl: socket), .reachability("REST", host: "api.kraken.com", curl: time)]
    if let text = time?.text, let theirs = JSON(parsing: text)?["result"]?["unixtime"]?.approximate {
      // Kraken gives whole seconds: on average half a second has passed since.
      findings.append(.clock(aheadBySeconds: Self.wallSeconds() - theirs - 0.5))
    }
    return findings
  }

  private func curl(_ arguments: [String]) -> (status: Int32, text: String)? {
    ChildProcess.output(of: ["curl", "--silent", "--max-time", "10"] + arguments)
  }

  /// The host of a URL, unless it is this machine.
  static func remoteHost(of url: String) -> String? {
    guard let scheme = url.firstRange(of: "://") else { return nil }
    let authority = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
    let host = authority.hasPrefix("[") ? String(authority.dropFirst().prefix { $0 != "]" }) : String(authority.prefix { $0 != ":" })
    return host.isEmpty || host == "localhost" || host == "::1" || host.hasPrefix("127.") ? nil : host
  }

  private static func wallSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
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
