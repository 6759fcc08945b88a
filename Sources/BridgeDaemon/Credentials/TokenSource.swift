// Where the tokens of Kraken's private WebSocket connections come from: its REST interface, or a program of the user's.

import BridgeCore
import KrakenWire
import NIOCore

final class TokenSource {
  static let path = "/0/private/GetWebSocketsToken"

  private(set) var credentials: Credentials?
  private let calls: SignedCalls
  private let eventLoop: any EventLoop
  /// Kraken did not want the key when it was last asked.
  private var isRefused = false

  init(credentials: Credentials?, calls: SignedCalls, eventLoop: any EventLoop) {
    self.credentials = credentials
    self.calls = calls
    self.eventLoop = eventLoop
    calls.use(credentials?.apiKey, otpCommand: credentials?.otpCommand)
  }

  /// Takes other credentials; the old ones are wiped once nothing uses them.
  /// - Returns: whether anything is different now: with others, and with a key that Kraken refused, which may have been
  ///   given its permission meanwhile.
  func use(_ credentials: Credentials?) -> Bool {
    guard credentials != self.credentials || isRefused else { return false }
    self.credentials = credentials
    isRefused = false
    calls.use(credentials?.apiKey, otpCommand: credentials?.otpCommand)
    return true
  }

  /// Asks for a new token.
  func fetch(completion: @escaping (TokenOutcome) -> Void) {
    guard let command = credentials?.tokenCommand else {
      return calls.post(TokenSource.path) { [weak self] outcome in
        let result = TokenSource.result(of: outcome)
        if case .failed(_, mayRetry: false) = result { self?.isRefused = true }
        completion(result)
      }
    }
    command.output(on: eventLoop).assumeIsolated().whenComplete { [weak self] result in
      switch result {
      case _ where command != self?.credentials?.tokenCommand:
        completion(.failed("the credentials changed", mayRetry: true))
      case .success(let output) where output.isToken: completion(.token(output))
      case .success: completion(.failed("token-command: what it printed is no token", mayRetry: true))
      case .failure(let error): completion(.failed("token-command: \(CredentialFault.words(error))", mayRetry: true))
      }
    }
  }

  /// A private call other than for a token.
  func query(_ path: String, form: String, completion: @escaping (SignedOutcome) -> Void) {
    calls.post(path, form: form, completion: completion)
  }

  private static func result(of outcome: SignedOutcome) -> TokenOutcome {
    switch outcome {
    case .failed(let why, let isFinal): return .failed(why, mayRetry: !isFinal)
    case .done(let body):
      guard let token = RESTVerdict.token(in: body) else {
        return .failed("the answer of \(path) holds no token", mayRetry: true)
      }
      return .token(token)
    }
  }
}

extension CredentialFault {
  static func words(_ error: any Error) -> String { (error as? CredentialFault)?.message ?? "\(error)" }
}
