// Whether what a screen shows is live. The bridge says when it is not; a snapshot says when it is again.

import KrakenBridgeClient

struct TopicHealth: Sendable, Equatable {
  /// Why the topic is not live; `nil` while it is.
  private(set) var staleReason: String?
  /// Lines were lost, most recently for this reason; shown until the next snapshot.
  private(set) var gapReason: String?

  mutating func receive(_ message: BridgeMessage, about topic: Topic) {
    switch message {
    case .stale(let stale) where stale.concerns(topic): staleReason = stale.reason
    case .gap(let gap): gapReason = gap.reason
    case .event(let event) where event.kind == .snapshot:
      gapReason = nil
      if event.channel == topic.channel, event.symbol == topic.symbol { staleReason = nil }
    default: break
    }
  }

  /// A mark to stand beside what is shown; empty when all is well.
  func mark(_ style: Style, link: LinkState) -> String {
    if let staleReason = link.staleReason ?? staleReason { return " " + style.paint(" STALE: \(staleReason) ", .boldWarning) }
    if let gapReason { return " " + style.paint(" gap: \(gapReason) ", .warning) }
    return ""
  }
}
