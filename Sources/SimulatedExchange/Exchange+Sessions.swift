// Tokens, and what a private connection may do with them.

extension Exchange {
  static let tokenLife: Int64 = 900_000_000_000

  /// A fresh token for a key, as GetWebSocketsToken gives it.
  public mutating func issueToken(for key: APIKey? = nil) -> String {
    let held = Set(connections.flatMap(\.tokens))
    tokens = tokens.filter { $0.value.expiresAt > now || held.contains($0.key) }
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    let token = String((0..<43).map { _ in letters[privateChance.below(letters.count)] })
    tokens[token] = SessionToken(
      key: key ?? configuration.apiKeys.first ?? .demonstration, expiresAt: now + Self.tokenLife)
    return token
  }

  /// Every token issued so far becomes worthless.
  mutating func revokeTokens() {
    tokens = [:]
    for index in connections.indices { connections[index].tokens = [] }
  }

  mutating func checkSession(
    _ parameters: OrderParameters, of id: ConnectionID, for permission: APIKey.Permission
  ) throws(Refusal) {
    guard let text = parameters.value["token"]?.string, !text.isEmpty else { throw Refusal("Token(s) not found") }
    if let fault = takeRule(.tokenRefused, connection: id) {
      throw Refusal(fault.text ?? "ESession:Invalid session")
    }
    guard let token = tokens[text] else { throw Refusal("ESession:Invalid session") }
    guard token.expiresAt > now || isHeld(text, by: id) else { throw Refusal("ESession:Invalid session") }
    guard token.key.permissions.contains(permission) else { throw Refusal("EGeneral:Permission denied") }
  }

  /// A connection that keeps a private subscription keeps the token alive for itself.
  private func isHeld(_ token: String, by id: ConnectionID) -> Bool {
    index(of: id).map { !connections[$0].topics.isEmpty && connections[$0].tokens.contains(token) } ?? false
  }

  mutating func hold(_ token: String?, by id: ConnectionID) {
    guard let token, let index = index(of: id) else { return }
    connections[index].tokens.insert(token)
  }

  // MARK: Executions and balances

  mutating func subscribeAccount(_ params: JSONValue?, _ answer: Answer, from id: ConnectionID) {
    do throws(Refusal) {
      let parameters = try OrderParameters(params)
      let topic = try accountTopic(parameters)
      let common: Set = ["channel", "token", "snapshot", "rebased", "users"]
      try parameters.allow(
        topic == Self.balancesTopic
          ? common
          : common.union(["snap_orders", "snap_trades", "order_status", "ratecounter", "snapshot_trades"]))
      try checkSession(parameters, of: id, for: .query)
      let options = try executionOptions(parameters)
      let isForAllUsers = try coversAllUsers(parameters)
      _ = try parameters.bool("rebased")
      // Kraken's documents rule out the snapshot of all users' executions, and say nothing of their balances.
      let wantsSnapshot =
        topic == Self.balancesTopic
        ? try parameters.has("snapshot") ? parameters.bool("snapshot") : true
        : (options.wantsOrders || options.wantsTrades) && !isForAllUsers
      guard join(id, topic, wantsSnapshot: wantsSnapshot), let index = index(of: id) else {
        throw Refusal("Already subscribed")
      }
      connections[index].topicsOfAllUsers.remove(topic)
      if isForAllUsers { connections[index].topicsOfAllUsers.insert(topic) }
      connections[index].executionOptions = topic == Self.executionsTopic ? options : connections[index].executionOptions
      connections[index].sequences[topic] = nil
      hold(try parameters.string("token"), by: id)
      let result = accountResult(topic, options, wantsSnapshot: wantsSnapshot)
      reply([answer.success(result)], to: id, about: [topic])
    } catch {
      reply([answer.failure(error.text)], to: id)
    }
  }

  private func accountTopic(_ parameters: OrderParameters) throws(Refusal) -> Topic {
    switch try parameters.string("channel")?.lowercased() {
    case "executions": return Self.executionsTopic
    case "balances": return Self.balancesTopic
    case "status", "heartbeat": throw Refusal("Symbol(s) not found")
    default: throw Refusal("Subscription name invalid")
    }
  }

  private func coversAllUsers(_ parameters: OrderParameters) throws(Refusal) -> Bool {
    guard let users = try parameters.string("users") else { return false }
    guard users == "all" else { throw .invalid("users") }
    return true
  }

  private func executionOptions(_ parameters: OrderParameters) throws(Refusal) -> ExecutionOptions {
    func flag(_ key: String, _ old: String, _ standard: Bool) throws(Refusal) -> Bool {
      if parameters.has(key) { return try parameters.bool(key) }
      return parameters.has(old) ? try parameters.bool(old) : standard
    }
    return ExecutionOptions(
      wantsOrders: try flag("snap_orders", "snapshot", true),
      wantsTrades: try flag("snap_trades", "snapshot_trades", false),
      wantsEveryTransition: try flag("order_status", "order_status", true),
      wantsRateCount: try parameters.bool("ratecounter"))
  }

  private func accountResult(_ topic: Topic, _ options: ExecutionOptions, wantsSnapshot: Bool) -> Text {
    var object = ObjectText()
    object.string("channel", topic.channel.rawValue)
    if topic == Self.executionsTopic {
      object.integer("maxratecount", configuration.accountTier.ceiling)
      object.flag("snap_orders", options.wantsOrders)
      object.flag("snap_trades", options.wantsTrades)
    }
    object.flag("snapshot", wantsSnapshot)
    if topic == Self.executionsTopic {
      let old = [
        "cancel_reason is deprecated, use reason", "stop_price is deprecated, use triggers.price",
        "trigger is deprecated use triggers.reference", "triggered_price is deprecated use triggers.last_price",
      ]
      object.json("warnings", JSONValue.array(old.map { .string($0) }).text)
    }
    return object.finished
  }

  mutating func unsubscribeAccount(_ params: JSONValue?, _ answer: Answer, from id: ConnectionID) {
    var refusal = answer
    refusal.method = "subscribe"
    do throws(Refusal) {
      let parameters = try OrderParameters(params)
      let topic = try accountTopic(parameters)
      try checkSession(parameters, of: id, for: .query)
      guard let number = index(of: id).flatMap({ connections[$0].topics[topic] }) else {
        throw Refusal("Subscription Not Found")
      }
      var object = ObjectText()
      object.string("channel", topic.channel.rawValue)
      part(id, topic, number: number)
      reply([answer.success(object.finished)], to: id, about: [topic])
    } catch {
      reply([refusal.failure(error.text)], to: id)
    }
  }

  mutating func sendAccountSnapshot(_ topic: Topic, to id: ConnectionID) {
    guard let index = index(of: id) else { return }
    let data =
      topic == Self.executionsTopic
      ? executionsSnapshot(connections[index].executionOptions) : balancesSnapshot(user: user(on: topic, of: index))
    sendNumbered(data, .snapshot, on: topic, to: id)
  }
}
