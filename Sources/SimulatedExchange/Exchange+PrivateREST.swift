// The signed REST calls: the token for the private WebSocket, and the queries that tell what became of an order.
//
// Hashing is not done here: whoever serves the exchange hands in how a request is signed, so that the model needs no
// cryptography. A simulation without HTTP can leave the door out and call `privateREST(path:form:now:)` directly.

extension Exchange {
  public struct RESTRequest: Sendable {
    /// With a leading slash, without host and query.
    public var path: String
    public var query: String
    public var body: [UInt8]
    /// The headers `API-Key` and `API-Sign`.
    public var apiKey: String?
    public var signature: String?

    public init(path: String, query: String = "", body: [UInt8] = [], apiKey: String? = nil, signature: String? = nil) {
      self.path = path
      self.query = query
      self.body = body
      self.apiKey = apiKey
      self.signature = signature
    }
  }

  /// What `API-Sign` must be: Base64 of HMAC-SHA512 with the decoded secret over the path and SHA-256 of nonce and
  /// body. Nil if the secret is not Base64.
  public typealias Signing = (_ secret: String, _ path: String, _ nonce: String, _ body: [UInt8]) -> String?

  public mutating func rest(_ request: RESTRequest, now time: Int64, signing: Signing) -> RESTAnswer {
    advance(to: time)
    guard request.path.hasPrefix("/0/private/") else {
      let form = String(decoding: request.body, as: UTF8.self)
      return rest(path: request.path, query: request.query.isEmpty ? form : request.query)
    }
    counters.requests[String(request.path.dropFirst("/0/private/".count)), default: 0] += 1
    if takeRule(.restCut) != nil { return RESTAnswer(status: 0, body: [], isCut: true) }
    if let fault = takeRule(.restStatus) {
      let status = fault.code ?? 503
      return RESTAnswer(status: status, body: Text("<html><body><h1>\(status)</h1></body></html>".utf8))
    }
    let delay = takeRule(.restDelay).map { $0.delay ?? 3_000_000_000 } ?? 0
    var answer: RESTAnswer
    do throws(Refusal) {
      if let fault = takeRule(.restError) { throw Refusal(fault.text ?? "EService:Unavailable") }
      let (key, parameters) = try authenticate(request, signing: signing)
      answer = privateREST(path: request.path, parameters, key: key)
    } catch {
      answer = failure(error.text)
    }
    answer.delay = delay
    return answer
  }

  /// What a signed call answers, its signature taken for granted.
  public mutating func privateREST(path: String, form: String, now time: Int64) -> RESTAnswer {
    advance(to: time)
    return privateREST(path: path, Self.parameters(ofForm: form), key: configuration.apiKeys.first ?? .demonstration)
  }

  private mutating func authenticate(
    _ request: RESTRequest, signing: Signing
  ) throws(Refusal) -> (APIKey, [String: String]) {
    guard let key = configuration.apiKeys.first(where: { $0.key == request.apiKey }) else {
      throw Refusal("EAPI:Invalid key")
    }
    let parameters = Self.parameters(ofBody: request.body)
    guard let nonceText = parameters["nonce"] else { throw Refusal("EAPI:Invalid nonce") }
    guard let signature = request.signature, signature == signing(key.secret, request.path, nonceText, request.body)
    else { throw Refusal("EAPI:Invalid signature") }
    guard let nonce = UInt64(nonceText), takeRule(.nonceError) == nil, nonces[key.key].map({ nonce > $0 }) ?? true
    else { throw Refusal("EAPI:Invalid nonce") }
    nonces[key.key] = nonce
    if let password = key.oneTimePassword, parameters["otp"] != password { throw .invalid("otp") }
    return (key, parameters)
  }

  private mutating func privateREST(path: String, _ parameters: [String: String], key: APIKey) -> RESTAnswer {
    let name = String(path.dropFirst("/0/private/".count))
    let permission: APIKey.Permission =
      name == "GetWebSocketsToken" ? .webSockets : Self.restTradingCalls.contains(name) ? .trade : .query
    guard key.permissions.contains(permission) else { return failure("EGeneral:Permission denied") }
    switch name {
    case "GetWebSocketsToken":
      var object = ObjectText()
      object.string("token", issueToken(for: key))
      object.integer("expires", Int(Self.tokenLife / 1_000_000_000))
      return success(object.finished)
    case "Balance": return success(balanceList)
    case "BalanceEx": return success(extendedBalanceList)
    case "OpenOrders": return success(openOrders(parameters))
    case "ClosedOrders": return success(closedOrders(parameters))
    case "QueryOrders": return queryOrders(parameters)
    case "TradesHistory": return success(tradesHistory(parameters))
    case _ where permission == .trade: return trade(name, parameters)
    default: return failure("EGeneral:Unknown method")
    }
  }

  // MARK: Bodies

  /// A form, or a flat JSON object.
  private static func parameters(ofBody body: [UInt8]) -> [String: String] {
    guard body.first == UInt8(ascii: "{") else { return parameters(ofForm: String(decoding: body, as: UTF8.self)) }
    var parameters: [String: String] = [:]
    for member in JSONValue(body)?.members ?? [] {
      switch member.value {
      case .string(let text), .number(let text): parameters[member.key] = text
      case .bool(let flag): parameters[member.key] = flag ? "true" : "false"
      default: break
      }
    }
    return parameters
  }

  static func parameters(ofForm form: String) -> [String: String] {
    var parameters: [String: String] = [:]
    for pair in form.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1)
      if parts.count == 2 { parameters[String(parts[0])] = decodePercent(parts[1]) }
    }
    return parameters
  }
}
