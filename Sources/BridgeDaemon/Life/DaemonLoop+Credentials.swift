// Tokens and signed calls for the bridge, and credentials that change while it runs.

import BridgeCore
import KrakenWire
import Logging

extension DaemonLoop {
  func fetchToken(_ name: UpstreamName) {
    tokens.fetch { [weak self] outcome in
      guard let self else { return }
      bridge.tokenArrived(name, outcome, now: SystemClock.now)
      scheduleTurn()
    }
  }

  func query(_ id: UInt64, path: String, form: String) {
    tokens.query(path, form: form) { [weak self] outcome in
      guard let self else { return }
      switch outcome {
      case .done(let body): bridge.restAnswered(id, body: body, error: nil, now: SystemClock.now)
      case .failed(let why, _): bridge.restAnswered(id, body: nil, error: why, now: SystemClock.now)
      }
      scheduleTurn()
    }
  }

  /// Takes other credentials, or none; the account's connections are made anew with them.
  func use(_ credentials: Credentials?) {
    guard tokens.use(credentials) else { return }
    logger.notice(
      credentials == nil ? "there are no credentials any more" : "the account's connections are made anew")
    bridge.credentialsChanged(credentials != nil, now: SystemClock.now)
  }
}
