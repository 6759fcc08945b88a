// What `doctor` found, and the judgement of each thing it looks at. The judgements are functions of
// what was seen, so that each is tested with what goes wrong in life.

import KrakenBridgeClient

struct Finding: Sendable, Equatable {
  enum Verdict: String, Sendable {
    case ok
    case warning
    case bad
    /// Could not be looked at here.
    case skipped
  }

  var subject: String
  var verdict: Verdict
  var detail: String
  /// How to mend it.
  var advice: String?

  init(_ subject: String, _ verdict: Verdict, _ detail: String, advice: String? = nil) {
    self.subject = subject
    self.verdict = verdict
    self.detail = detail
    self.advice = advice
  }

  func lines(_ style: Style) -> [String] {
    let (mark, ink): (String, Style.Ink) =
      switch verdict {
      case .ok: ("✓", .good)
      case .warning: ("!", .boldWarning)
      case .bad: ("✗", .boldBad)
      case .skipped: ("-", .dim)
      }
    var out = ["\(style.paint(mark, ink)) \(style.paint(subject.fitted(to: 14), .bold)) \(detail)"]
    if let advice { out.append(String(repeating: " ", count: 17) + style.paint("→ \(advice)", .accent)) }
    return out
  }

  var json: JSON {
    [
      "check": .string(subject), "verdict": .string(verdict.rawValue), "detail": .string(detail),
      "advice": advice.map { .string($0) } ?? .null,
    ]
  }
}

extension Finding {
  /// - Parameter error: why there is no connection; `nil` when there is one.
  static func daemon(_ address: BridgeAddress, hello: Hello?, error: BridgeError?) -> Finding {
    if let hello { return Finding("daemon", .ok, "kraken-bridge \(hello.version) answers at \(address)") }
    guard let error else { return Finding("daemon", .bad, "nothing answers at \(address)") }
    if error.code == .notPermitted {
      return Finding(
        "permission", .bad, error.message,
        advice: "join the socket's group (see: ls -l \(address); sudo usermod -aG GROUP $USER), or name your uid under listeners: allow-uids")
    }
    return Finding("daemon", .bad, error.message, advice: error.advice)
  }

  /// One finding for each upstream, and one each for the budget, the topics and the readers.
  static func status(_ status: JSON) -> [Finding] {
    var findings = (status["upstreams"]?.elements ?? []).map(upstream)
    if let left = status["budget"]?["attempts_left"]?.int, let most = status["budget"]?["attempts_max"]?.int {
      let text = "\(left) of \(most) connection attempts left"
      findings.append(
        left * 5 < most
          ? Finding("budget", .warning, text, advice: "something makes the bridge reconnect all the time; see: journalctl -u kraken-bridge")
          : Finding("budget", .ok, text))
    }
    let ill = ["stale", "quarantined", "refused"].compactMap { key in
      status["topics"]?[key]?.int.flatMap { $0 > 0 ? "\($0) \(key)" : nil }
    }
    findings.append(
      ill.isEmpty
        ? Finding("topics", .ok, "\(status["topics"]?["live"]?.digits ?? "0") live")
        : Finding("topics", .warning, ill.joined(separator: ", "), advice: "see which and why: kraken-ctl topics"))
    if let lagging = status["subscribers"]?["lagging"]?.int, lagging > 0 {
      findings.append(
        Finding("readers", .warning, "\(lagging) cannot keep up", advice: "see which: sudo kraken-ctl clients; they lose lines, marked by gap"))
    }
    return findings
  }

  private static func upstream(_ upstream: JSON) -> Finding {
    let name = upstream["name"]?.plainText ?? "?"
    let state = upstream["state"]?.plainText ?? "unknown"
    var detail = "\(name) \(state)"
    let reason = upstream["reason"]?.string
    if let reason { detail += ": \(reason)" }
    if upstream["wanted"]?.bool == false, reason == nil { return Finding("upstream", .ok, "\(name) idle: nobody asks for it") }
    if reason?.hasPrefix("no token") == true {
      return Finding(
        "upstream", .bad, detail,
        advice: "is the API key right, and may it see balances and orders? replace api-key and api-secret, then: kraken-ctl reload")
    }
    switch state {
    case "online", "disabled": return Finding("upstream", .ok, detail)
    case "maintenance", "cancel_only", "post_only":
      return Finding("upstream", .warning, detail, advice: "Kraken says so itself; see https://status.kraken.com")
    case "connecting": return Finding("upstream", .warning, detail, advice: "wait a moment and ask again")
    default: return Finding("upstream", .bad, detail, advice: "see below whether Kraken can be reached from here")
    }
  }

  /// - Parameter state: what `systemctl is-active` says; `nil` without systemd.
  static func unit(_ state: String?, daemonAnswers: Bool = false) -> Finding {
    switch state {
    case "inactive" where daemonAnswers, "unknown" where daemonAnswers:
      Finding("systemd", .skipped, "the daemon that answers is not kraken-bridge.service")
    case nil: Finding("systemd", .skipped, "no systemd here")
    case "active": Finding("systemd", .ok, "kraken-bridge.service is active")
    case "activating", "reloading":
      Finding("systemd", .warning, "kraken-bridge.service is \(state ?? "")", advice: "wait a moment and ask again")
    case "failed":
      Finding("systemd", .bad, "kraken-bridge.service has failed", advice: "see why: journalctl -u kraken-bridge -e")
    default:
      Finding("systemd", .warning, "kraken-bridge.service is \(state ?? "")", advice: "start it: systemctl enable --now kraken-bridge")
    }
  }

  /// - Parameter check: what `kraken-bridged --check-config` did; `nil` if it is not installed here.
  static func configuration(_ check: (status: Int32, text: String)?) -> Finding {
    guard let check else { return Finding("configuration", .skipped, "kraken-bridged is not on PATH") }
    let text = check.text.split(separator: "\n").map(String.init)
    if check.status == 0 { return Finding("configuration", .ok, text.last ?? "is right") }
    return Finding("configuration", .bad, text.joined(separator: "; "), advice: "correct it, then: kraken-ctl reload")
  }

  /// - Parameter seconds: by how much our clock is ahead of Kraken's, if there was anything to tell it from.
  static func clock(aheadBySeconds seconds: Double?) -> Finding {
    guard let seconds else { return Finding("clock", .skipped, "no line with Kraken's time came") }
    let text = "\(Quantity.fixed(abs(seconds), places: 1)) s \(seconds < 0 ? "behind" : "ahead of") Kraken's"
    return abs(seconds) <= 2
      ? Finding("clock", .ok, "within 2 s of Kraken's")
      : Finding("clock", .bad, "\(text): signed requests and ages will be wrong", advice: "switch time synchronisation on: timedatectl set-ntp true")
  }

  /// What curl's exit status says about the way to Kraken.
  static func reachability(_ subject: String, host: String, curl: (status: Int32, text: String)?) -> Finding {
    guard let curl else { return Finding(subject, .skipped, "curl is not installed", advice: "to check the network: apt install curl") }
    switch curl.status {
    case 0: return Finding(subject, .ok, "\(host) answers")
    case 6:
      return Finding(subject, .bad, "\(host) is not found by DNS", advice: "check /etc/resolv.conf and: getent hosts \(host)")
    case 7, 28:
      return Finding(subject, .bad, "\(host) cannot be reached", advice: "a firewall between here and port 443? try: curl -v https://\(host)")
    case 35, 51, 58, 60, 77, 83:
      return Finding(
        subject, .bad, "TLS to \(host) fails", advice: "is ca-certificates installed, the clock right, a proxy in between? try: curl -v https://\(host)")
    default:
      return Finding(subject, .bad, "curl ends with \(curl.status) for \(host)", advice: "see more with: curl -v https://\(host)")
    }
  }

  /// - Parameters:
  ///   - limits: the text of `/proc/PID/limits`.
  ///   - used: how many descriptors the daemon has open, if that may be known.
  static func descriptors(limits: String, used: Int?) -> Finding {
    let line = limits.split(separator: "\n").first { $0.hasPrefix("Max open files") }
    guard let soft = line?.split(separator: " ").dropFirst(3).first.flatMap({ Int($0) }) else {
      return Finding("descriptors", .skipped, "the daemon's limits cannot be read")
    }
    let text = (used.map { "\($0) of " } ?? "limit ") + "\(soft)" + (used == nil ? "" : " file descriptors in use")
    let isShort = soft < 4096 || used.map { $0 * 10 > soft * 8 } ?? false
    return isShort
      ? Finding("descriptors", .warning, text, advice: "raise LimitNOFILE= in the service: systemctl edit kraken-bridge")
      : Finding("descriptors", .ok, text)
  }
}
