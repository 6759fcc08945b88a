// Kraken's side of a scenario: the connection, what comes over it, and what the bridge asks for.

import BridgeCore
import JSONText
import KrakenSession

extension ScenarioRunner {
  func checkIsOpen() throws {
    guard link.state == .open else { throw ScenarioSyntaxError(description: "there is no connection with Kraken") }
  }

  func leaveUpstream(_ state: Link.State) throws {
    guard link.state == state else {
      throw ScenarioSyntaxError(description: "the connection with Kraken is \(link.state)")
    }
    link = Link()
  }

  func fromKraken(_ text: String) throws {
    try checkIsOpen()
    // Scenarios name bytes that are not UTF-8 by \xNN, which JSON itself does not have.
    Array(text.utf8).replacingHexEscapes().withUnsafeBytes { bridge?.upstreamReceived(current, text: $0, now: now) }
    pump()
  }

  /// Kraken says yes to everything that was asked.
  func acknowledge() throws {
    let requests = link.unanswered
    link.unanswered = []
    guard !requests.isEmpty else { throw ScenarioSyntaxError(description: "nothing waits for an answer") }
    for request in requests {
      for symbol in request.symbols.isEmpty ? [""] : request.symbols {
        let named = symbol.isEmpty ? "" : ",\"symbol\":\"\(symbol)\""
        try fromKraken(
          #"{"method":"\#(request.method)","req_id":\#(request.reqID),"result":{\#(request.params)\#(named)},"#
            + #""success":true,"time_in":"2026-10-09T00:34:20.000001Z","time_out":"2026-10-09T00:34:20.000002Z"}"#)
      }
    }
  }

  func carryOut(_ action: BridgeAction) {
    switch action {
    case .openTransport(let name):
      links[name] = Link(state: .ordered)
      note("connect", name)
    case .closeTransport(let name, let code, let why):
      if links[name, default: Link()].state == .none { failures.append("there is no connection to close") }
      links[name] = nil
      note("close \(code) \(why)", name)
    case .send(let name, let text): sent(text, name)
    case .requestToken(let name): note("token", name)
    case .rest(let id, let path, let form):
      calls.append(id)
      upstreamLines.append("rest \(path) \(form)")
    case .log(let record): logged.append(record.event)
    case .saveState: break
    case .reload: logged.append(.warning)
    }
  }

  /// Lines of other endpoints than the public one begin with their names.
  private func note(_ text: String, _ name: UpstreamName) {
    upstreamLines.append(name == .public ? text : "\(name.text) \(text)")
  }

  private func sent(_ bytes: [UInt8], _ name: UpstreamName) {
    if links[name]?.state != .open { failures.append("a request without a connection") }
    let text = String(decoding: bytes, as: UTF8.self)
    let request = json.read(bytes) { root in
      SentRequest(
        method: root["method"]?.string ?? "",
        params: root["params"]?.members.filter { !$0.key.equals("symbol") }.map {
          "\(String(decoding: $0.key.text, as: UTF8.self)):\(String(decoding: $0.value.text, as: UTF8.self))"
        }.joined(separator: ",") ?? "",
        symbols: root["params"]?["symbol"]?.elements.compactMap(\.string) ?? [],
        reqID: String(decoding: root["req_id"]?.text ?? UnsafeRawBufferPointer(start: nil, count: 0), as: UTF8.self))
    }
    guard let request else { return failures.append("a request that is not JSON: \(text)") }
    if request.method == "ping", !showsPings { return }
    if request.method.hasSuffix("subscribe") { links[name]?.unanswered.append(request) }
    note(text, name)
  }
}

extension [UInt8] {
  fileprivate func replacingHexEscapes() -> [UInt8] {
    var result: [UInt8] = []
    var rest = self[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.first == UInt8(ascii: "x"),
        let value = UInt8(String(decoding: rest.dropFirst().prefix(2), as: UTF8.self), radix: 16)
      {
        result.append(value)
        rest = rest.dropFirst(3)
      } else {
        result.append(byte)
      }
    }
    return result
  }
}
