// Every request on its way to whoever answers it, and who may ask for what.

import BridgeWire
import FanOut
import MarketData

extension Bridge {
  func perform(_ request: Request, from connection: Connection, now: Moment) {
    let head = AnswerHead(method: request.name, requestID: request.requestID, timeIn: now.wall)
    do throws(RequestFault) {
      switch request.method {
      case .subscribe(let topics, let options):
        try checkChannel(topics.channel, connection)
        try subscribe(connection, topics, options, head, now: now)
      case .unsubscribe(let topics): try unsubscribe(connection, topics, head, now: now)
      case .snapshot(let topics):
        try checkChannel(topics.channel, connection)
        try snapshot(connection, topics, head, now: now)
      case .ping:
        line.removeAll()
        Answer.pong(&line, head, timeOut: now.wall)
        send(to: connection.id)
      case .order(let method): try order(method, params: request.params, from: connection, head, now: now)
      case .reload:
        try checkIsOwner(connection, "reload")
        reloadRequests[connection.id, default: []].append(head)
        connection.heldCount += 1
        actions.append(.reload(connection.id))
      case .clients:
        try checkIsOwner(connection, "clients")
        report(.clients, to: connection, head, now: now)
      case .status, .topics, .subscriptions, .help, .metrics:
        report(request.method, to: connection, head, now: now)
      }
    } catch {
      var fault = error
      fault.method = fault.method ?? request.name
      fault.requestID = request.requestID
      refuse(connection, fault, timeIn: now.wall, now: now)
    }
  }

  func refuse(_ connection: Connection, _ fault: RequestFault, timeIn: Int64, now: Moment) {
    line.removeAll()
    Answer.failure(&line, fault, timeIn: timeIn, timeOut: now.wall)
    send(to: connection.id)
  }

  public func reloadFinished(_ id: SubscriberID, error: String?, now: Moment) {
    guard let connection = connections[id], let head = reloadRequests[id]?.first else { return }
    reloadRequests[id]!.removeFirst()
    if reloadRequests[id]!.isEmpty { reloadRequests[id] = nil }
    connection.heldCount -= 1
    if let error {
      let fault = RequestFault(.badParameter, error, method: head.method, requestID: head.requestID)
      refuse(connection, fault, timeIn: head.timeIn, now: now)
    } else {
      line.removeAll()
      Answer.result(&line, head, timeOut: now.wall) { $0.append("{\"reloaded\":true}") }
      send(to: id)
    }
    closeIfDone(connection)
  }

  // MARK: Who may do what

  private func checkChannel(_ channel: BridgeChannel, _ connection: Connection) throws(RequestFault) {
    guard channel.isAccount else { return }
    guard configuration.listeners[connection.listener].allowsAccount else {
      throw RequestFault(
        .notPermitted, "\(channel.rawValue) needs a listener with account scope; this one has market only")
    }
    guard configuration.hasCredentials else {
      throw RequestFault(.notConfigured, "no credentials are configured, so there is no \(channel.rawValue)")
    }
  }

  private func checkIsOwner(_ connection: Connection, _ what: String) throws(RequestFault) {
    guard connection.peer.uid == 0 || connection.peer.uid == configuration.ownUID else {
      throw RequestFault(.notPermitted, "\(what) is for root and the bridge's own user")
    }
  }
}
