// Kraken's cancel_all_orders_after, for clients who call it themselves, for those who have the bridge renew it, and
// for the bridge's own configured hold.

import BridgeWire
import JSONText
import MarketData

extension OrderDesk {
  mutating func setSwitch(_ request: IncomingRequest) throws(RequestFault) {
    let now = request.now
    let isKept = try request.parameters.bool("keep")
    guard let timeout = try request.parameters.integer("timeout"), (0..<86400).contains(timeout) else {
      throw RequestFault(.badParameter, "timeout must be a number of seconds from 0 to 86399; 0 lets go")
    }
    guard timeout > 0 else {
      if deadMansSwitch.release(request.holder) { return passSwitch(request, seconds: 0) }
      return answerHeldSwitch(request)
    }
    let seconds = deadMansSwitch.set(request.holder, seconds: Int(timeout), isKept: isKept, now: now.monotonic)
    passSwitch(request, seconds: seconds)
    deadMansSwitch.told(seconds, now: now.monotonic)
  }

  private mutating func passSwitch(_ request: IncomingRequest, seconds: Int) {
    var parameters = JSONBytes(reserving: 32)
    parameters.append(Field("timeout", text: "\(seconds)"))
    request.parameters.write(without: ["token", "keep", "timeout"], into: &parameters)
    let pending = PendingRequest(purpose: .switchTimer, holder: request.holder, head: request.head)
    send(parameters, pending, token: request.token, now: request.now)
  }

  /// One of several has let go: Kraken's timer runs on for the others.
  private mutating func answerHeldSwitch(_ request: IncomingRequest) {
    let now = request.now
    let firesAt = deadMansSwitch.firesAt ?? now.monotonic
    func text(_ wall: Int64) -> String { String(Timestamp.text(wall: wall, fractionDigits: 1).prefix(19)) + "Z" }
    let pending = PendingRequest(purpose: .switchTimer, holder: request.holder, head: request.head)
    answer(pending, now: now) { json in
      json.append("{")
      json.append(Field("currentTime", quoted: text(now.wall)))
      json.append(Field("triggerTime", quoted: text(now.wall + max(firesAt - now.monotonic, 0))))
      json.append(Field("warnings", text: #"["the switch stays set: others hold it"]"#))
      json.append("}")
    }
  }

  /// The bridge's own hold lives as long as a connection that has placed orders.
  mutating func updateOwnHold() {
    deadMansSwitch.ownSeconds = holders.values.contains(where: \.hasPlacedOrders) ? configuration.cancelAfter : nil
  }

  /// Renews whatever is due.
  mutating func renewSwitch(now: Moment) {
    guard let seconds = deadMansSwitch.renewal(now: now.monotonic, isReady: token != nil), let token else { return }
    var parameters = JSONBytes(reserving: 32)
    parameters.append(Field("timeout", text: "\(seconds)"))
    let head = AnswerHead(method: "cancel_all_orders_after", requestID: nil, timeIn: now.wall)
    send(parameters, PendingRequest(purpose: .ownSwitchTimer, head: head), token: token, now: now)
    deadMansSwitch.told(seconds, now: now.monotonic)
  }
}
