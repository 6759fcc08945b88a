// What the tests of the screens share: lines of the bridge as messages, and a style without colours.

import KrakenBridgeClient

@testable import ControlCommands

let plain = Style(isColored: false)

func message(_ line: String) -> BridgeMessage {
  guard let message = BridgeMessage(line: Array(line.utf8)) else { preconditionFailure(line) }
  return message
}

func event(_ message: BridgeMessage) -> Event {
  guard case .event(let event) = message else { preconditionFailure() }
  return event
}
