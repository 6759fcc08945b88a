// `doctor`: the judgement of each thing it looks at, and whole examinations under conditions that a script makes: what the
// bridge says, and what systemctl, curl and kraken-bridged would.

import Glibc
import KrakenBridgeClient
import ScriptedBridge
import Testing

@testable import ControlCommands

@Suite struct DoctorTests {
  private func json(_ text: String) -> JSON {
    guard let json = JSON(parsing: text) else { preconditionFailure(text) }
    return json
  }

  // MARK: Whole examinations

  /// What the programs that doctor asks would say, all well unless a test says otherwise.
  private struct Machine: Sendable {
    var unit: (status: Int32, text: String)? = (0, "active\n")
    var configuration: (status: Int32, text: String)? = (0, "/etc/kraken-bridge/config.yaml: nothing is wrong\n")
    var socket: (status: Int32, text: String)? = (0, "")
    var time: (status: Int32, text: String)?

    func run(_ arguments: [String]) -> (status: Int32, text: String)? {
      switch arguments[0] {
      case "systemctl": unit
      case "kraken-bridged": configuration
      case "curl" where arguments.last == "https://api.kraken.com/0/public/Time": time
      case "curl": socket
      default: nil
      }
    }
  }

  private static let wellStatus = """
    {"pid":\(getpid()),"upstreams":[{"name":"public","state":"online","url":"wss://ws.kraken.com/v2"}],\
    "budget":{"attempts_left":99,"attempts_max":100},"topics":{"live":3},"subscribers":{"lagging":0}}
    """

  /// The findings with their words, by subject.
  ///
  /// - Parameters:
  ///   - status: what the bridge answers to `status`; without, there is no bridge.
  ///   - line: what it sends to a reader of everything.
  private func examine(_ machine: Machine, status: String?, line: String? = nil) async throws -> [String: [Finding]] {
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { method, request in
        switch method {
        case "status": [#"{"method":"status","result":\#(status ?? "{}"),"success":true,"req_id":$ID}"#]
        case "subscribe" where request.contains(#""ticker""#): [line ?? ""].filter { !$0.isEmpty }
        default: []
        }
      }
    }
    if status == nil { daemon.stop() }
    defer { if status != nil { daemon.stop() } }
    let examination = Examination(address: BridgeAddress(path: daemon.path), checksNetwork: true) { machine.run($0) }
    var reported: [Finding] = []
    let findings = try await examination.examine { reported.append($0) }
    #expect(findings == reported)
    // Whatever is wrong comes with what to do about it.
    #expect(findings.allSatisfy { $0.advice != nil || $0.verdict == .ok || $0.verdict == .skipped })
    return Dictionary(grouping: findings, by: \.subject)
  }

  private static func ticker(time: String, received: String) -> String {
    #"{"channel":"ticker","type":"update","symbol":"A/B","seq":2,"prev":1,"time":"\#(time)","received":"\#(received)","data":{"last":1}}"#
  }

  private static let inTime = ticker(time: "2026-10-09T00:34:21.060761Z", received: "2026-10-09T00:34:21.084312907Z")

  @Test func allIsWell() async throws {
    var machine = Machine()
    machine.time = (0, #"{"error":[],"result":{"unixtime":1}}"#)
    let findings = try await examine(machine, status: Self.wellStatus, line: Self.inTime)
    #expect(
      Set(findings.keys) == [
        "daemon", "upstream", "budget", "topics", "descriptors", "systemd", "configuration", "WebSocket", "REST", "clock",
      ])
    // How many descriptors this process may have is the machine's business.
    #expect(findings.values.joined().allSatisfy { $0.verdict == .ok || $0.subject == "descriptors" })
  }

  @Test func noDaemon() async throws {
    var machine = Machine()
    machine.unit = (3, "failed\n")
    machine.time = (0, #"{"error":[],"result":{"unixtime":1}}"#)
    let findings = try await examine(machine, status: nil)
    #expect(findings["daemon"]?.map(\.verdict) == [.bad] && findings["systemd"]?.map(\.verdict) == [.bad])
    #expect(findings["upstream"] == nil && findings["budget"] == nil && findings["descriptors"] == nil)
    // Kraken is asked all the same, and for the time too.
    #expect(findings["WebSocket"]?.map(\.verdict) == [.ok] && findings["clock"]?.map(\.verdict) == [.bad])
  }

  @Test func aListenerThatIsNotForUs() async throws {
    let daemon = ScriptedBridge { $0.send(#"{"success":false,"error":"not for you","code":"not_permitted"}"#) }
    defer { daemon.stop() }
    let examination = Examination(address: BridgeAddress(path: daemon.path), checksNetwork: false) { Machine().run($0) }
    let findings = try await examination.examine { _ in }
    #expect(findings.first?.subject == "permission" && findings.first?.advice?.contains("allow-uids") == true)
  }

  @Test func aConfigurationThatIsWrong() async throws {
    var machine = Machine()
    machine.configuration = (78, "config.yaml: limits.ring-bytes: not a number\n")
    let findings = try await examine(machine, status: Self.wellStatus, line: Self.inTime)
    #expect(findings["configuration"]?.map(\.verdict) == [.bad])
  }

  @Test(arguments: [("2026-10-09T00:34:31.1Z", "10.1 s behind"), ("2026-10-09T00:34:16.0Z", "5.0 s ahead of")])
  func aClockThatIsWrongAgainstKrakensLines(time: String, words: String) async throws {
    let line = Self.ticker(time: time, received: "2026-10-09T00:34:21.000000000Z")
    let findings = try await examine(Machine(), status: Self.wellStatus, line: line)
    #expect(findings["clock"]?.first?.verdict == .bad && findings["clock"]?.first?.detail.hasPrefix(words) == true)
  }

  @Test(arguments: [(6, "DNS"), (7, "cannot be reached"), (60, "TLS")] as [(Int32, String)])
  func noWayToKraken(status: Int32, words: String) async throws {
    var machine = Machine()
    machine.socket = (status, "")
    machine.time = (status, "")
    let findings = try await examine(machine, status: Self.wellStatus, line: Self.inTime)
    for subject in ["WebSocket", "REST"] {
      #expect(findings[subject]?.first?.verdict == .bad && findings[subject]?.first?.detail.contains(words) == true)
    }
  }

  @Test func withoutSystemdAndCurl() async throws {
    var machine = Machine()
    machine.unit = (1, "System has not been booted with systemd as init system (PID 1). Can't operate.\n")
    machine.configuration = nil
    machine.socket = nil
    let findings = try await examine(machine, status: Self.wellStatus, line: Self.inTime)
    for subject in ["systemd", "configuration", "WebSocket", "REST"] { #expect(findings[subject]?.map(\.verdict) == [.skipped]) }
  }

  @Test func anUpstreamOnThisMachineNeedsNoNetwork() async throws {
    let status = #"{"upstreams":[{"name":"public","state":"online","url":"ws://127.0.0.1:1/v2"}]}"#
    let findings = try await examine(Machine(), status: status, line: Self.inTime)
    #expect(findings["network"]?.map(\.verdict) == [.skipped] && findings["REST"] == nil)
  }

  /// Each way of asking ends with 69 when something is broken.
  @Test func asAProgram() async {
    let daemon = ScriptedBridge { peer in
      peer.greet()
      peer.serve { method, _ in
        method == "status"
          ? [#"{"method":"status","result":{"upstreams":[{"name":"public","state":"offline"}]},"success":true,"req_id":$ID}"#] : [Self.inTime]
      }
    }
    defer { daemon.stop() }
    for (format, start) in [("table", "✗ upstream"), ("csv", "upstream,bad,"), ("json", #"{"check":"upstream","verdict":"bad""#)] {
      let run = await run("doctor", "--no-network", "--format", format, "--socket", daemon.path)
      #expect(run.status == 69)
      #expect(run.lines.contains { $0.hasPrefix(start) }, "\(run.output)")
    }
  }

  // MARK: Judgements

  @Test func findingsOfAStatus() {
    let well = Finding.status(
      json(#"{"upstreams":[{"name":"public","state":"online"}],"budget":{"attempts_left":99,"attempts_max":100},"topics":{"live":3,"stale":0},"subscribers":{"lagging":0}}"#))
    #expect(well.allSatisfy { $0.verdict == .ok })
    #expect(well.map(\.subject) == ["upstream", "budget", "topics"])
    let ill = Finding.status(
      json(#"{"upstreams":[{"name":"public","state":"offline","reason":"closed"},{"name":"level3","state":"maintenance"}],"budget":{"attempts_left":3,"attempts_max":100},"topics":{"stale":1,"refused":2},"subscribers":{"lagging":4}}"#))
    #expect(ill.map(\.verdict) == [.bad, .warning, .warning, .warning, .warning])
    #expect(ill.allSatisfy { $0.advice != nil })
    #expect(ill[3].detail == "1 stale, 2 refused")
  }

  /// An upstream that nobody needs is not broken; one that Kraken gives no token for has nothing to do with the network.
  @Test func findingsOfTheAccount() {
    let idle = Finding.status(json(#"{"upstreams":[{"name":"private","state":"offline","wanted":false}]}"#))[0]
    #expect(idle == Finding("upstream", .ok, "private idle: nobody asks for it"))
    let refused = Finding.status(
      json(#"{"upstreams":[{"name":"private","state":"offline","wanted":false,"reason":"no token: EAPI:Invalid key"}]}"#))[0]
    #expect(refused.verdict == .bad && refused.advice?.contains("api-key") == true)
    let lost = Finding.status(json(#"{"upstreams":[{"name":"private","state":"offline","wanted":true}]}"#))[0]
    #expect(lost.verdict == .bad && lost.advice?.contains("reached") == true)
  }

  @Test func findingsOfTheWayToKraken() {
    #expect(Finding.reachability("REST", host: "h", curl: (0, "")).verdict == .ok)
    #expect(Finding.reachability("REST", host: "h", curl: nil).verdict == .skipped)
    for (status, words) in [(6, "DNS"), (7, "cannot be reached"), (28, "cannot be reached"), (35, "TLS"), (60, "TLS"), (22, "curl ends with 22")] as [(Int32, String)] {
      let finding = Finding.reachability("REST", host: "h", curl: (status, ""))
      #expect(finding.verdict == .bad && finding.detail.contains(words) && finding.advice != nil)
    }
    #expect(Finding.clock(aheadBySeconds: 1.9).verdict == .ok)
    #expect(Finding.clock(aheadBySeconds: -30).detail.hasPrefix("30.0 s behind Kraken's"))
    #expect(Finding.clock(aheadBySeconds: nil).verdict == .skipped)
    #expect(Examination.remoteHost(of: "wss://ws.kraken.com/v2") == "ws.kraken.com")
    #expect(Examination.remoteHost(of: "wss://ws.kraken.com:443/v2") == "ws.kraken.com")
    for local in ["ws://127.0.0.1:8080/v2", "ws://localhost/v2", "ws://[::1]:80/v2", "nonsense"] { #expect(Examination.remoteHost(of: local) == nil) }
  }

  @Test func findingsOfTheMachine() {
    let low = "Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 524288               files\n"
    #expect(Finding.descriptors(limits: low, used: 5).verdict == .warning)
    let high = "Max open files            65536                 524288               files\n"
    #expect(Finding.descriptors(limits: high, used: 5).verdict == .ok)
    #expect(Finding.descriptors(limits: high, used: 60000).verdict == .warning)
    #expect(Finding.descriptors(limits: "", used: nil).verdict == .skipped)
    #expect(Finding.unit(nil).verdict == .skipped)
    #expect(Finding.unit("active").verdict == .ok)
    #expect(Finding.unit("failed").verdict == .bad)
    #expect(Finding.unit("inactive").verdict == .warning)
    #expect(Finding.unit("inactive", daemonAnswers: true).verdict == .skipped)
    #expect(Finding.unit("failed", daemonAnswers: true).verdict == .bad)
    #expect(Finding.configuration(nil).verdict == .skipped)
    #expect(Finding.configuration((0, "fine")).verdict == .ok)
    let wrong = Finding.configuration((78, "a: wrong\nb: wrong\n"))
    #expect(wrong.verdict == .bad && wrong.detail == "a: wrong; b: wrong")
  }

  @Test func findingsOfTheSocket() {
    let address = BridgeAddress(path: "/x")
    let forbidden = Finding.daemon(address, hello: nil, error: BridgeError(.notPermitted, "no"))
    #expect(forbidden.subject == "permission" && forbidden.verdict == .bad)
    #expect(Finding.daemon(address, hello: nil, error: BridgeError(.unreachable, "no daemon", advice: "start it")).advice == "start it")
    #expect(Finding("a", .ok, "b").lines(plain) == ["✓ a              b"])
    #expect(Finding("a", .bad, "b", advice: "c").lines(plain) == ["✗ a              b", "                 → c"])
  }
}
