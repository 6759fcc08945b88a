// A bot in thirty lines: says when the spread of a pair is three times wider than usual, and when its
// data cannot be trusted. Survives restarts of the daemon.

import KrakenBridgeClient

let symbol = CommandLine.arguments.dropFirst().first ?? "BTC/USD"
let feed = BridgeFeed(.find(), [Subscription("spread", [symbol])], waitsForDaemon: true)
var usual: Double?

for try await element in feed {
  switch element {
  case .message(.event(let event)):
    let data = event.data
    guard let bid = data["bid"], let ask = data["ask"], let low = bid.approximate, let high = ask.approximate else { continue }
    let basisPoints = (high - low) / low * 10_000
    if let usual, basisPoints > usual * 3 {
      // The digits that are printed are Kraken's own.
      print("\(event.received ?? "") \(symbol) wide: \(bid.plainText) to \(ask.plainText)")
    }
    usual = (usual ?? basisPoints) * 0.99 + basisPoints * 0.01
  case .message(.stale(let stale)): print("not live: \(stale.reason)")
  case .message(.gap(let gap)): print("missed lines: \(gap.reason)")
  case .message(.answer(let answer)): _ = try answer.orThrow()
  case .disconnected(let error, _): print(error)
  case .connected, .caughtUp, .message: continue
  }
}
