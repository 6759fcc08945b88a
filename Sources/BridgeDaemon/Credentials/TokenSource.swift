// Where the tokens of Kraken's private WebSocket connections come from: its REST interface, or a program of the user's.

import KrakenWire
import NIOCore

/// What came of asking for a token.
enum TokenResult: Equatable {
  case token(Secret)
  /// In words. Not to be tried again before the credentials change if `isFinal`.
  case failed(String, isFinal: Bool)
}

final class TokenSource {
  static let path = "/0/private/GetWebSocketsToken"

  private(set) var credentials: Credentials?
  private let calls: SignedCalls
  private let eventLoop: any EventLoop

  init(credentials: Credentials?, calls: SignedCalls, eventLoop: any EventLoop) {
    self.credentials = credentials
    self.calls = calls
    self.eventLoop = eventLoop
    calls.use(credentials?.apiKey, otpCommand: credentials?.otpCommand)
  }

  /// Takes other credentials; the old ones are wiped once nothing uses them.
  /// - Returns: whether they are others.
  func use(_ credentials: Credentials?) -> Bool {
    guard credentials != self.credentials else { return false }
    self.credentials = credentials
    calls.use(credentials?.apiKey, otpCommand: credentials?.otpCommand)
    return true
  }

  /// Asks for a new token.
  func fetch(completion: @escaping (TokenResult) -> Void) {
    guard let command = credentials?.tokenCommand else {
      return calls.post(TokenSource.path) { completion(TokenSource.result(of: $0)) }
    }
    command.output(on: eventLoop).assumeIsolated().whenComplete { result in
      switch result {
      case .success(let output) where output.isToken: completion(.token(output))
      case .success: completion(.failed("token-command: what it printed is no token", isFinal: false))
      case .failure(let error): completion(.failed("token-command: \(CredentialFault.words(error))", isFinal: false))
      }
    }
  }

  /// A private call other than for a token.
  func query(_ path: String, form: String, completion: @escaping (SignedOutcome) -> Void) {
    calls.post(path, form: form, completion: completion)
  }

  private static func result(of outcome: SignedOutcome) -> TokenResult {
    switch outcome {
    case .failed(let why, let isFinal): return .failed(why, isFinal: isFinal)
    case .done(let body):
      guard let token = RESTVerdict.token(in: body) else {
        return .failed("the answer of \(path) holds no token", isFinal: false)
      }
      return .token(token)
    }
  }
}

extension CredentialFault {
  static func words(_ error: any Error) -> String { (error as? CredentialFault)?.message ?? "\(error)" }
}
