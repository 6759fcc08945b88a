// What to do about an error text of Kraken's.
//
// Kraken has no error numbers and changes its wording, so texts are recognised by what they contain.
// A text nobody knows is a refusal: the one topic waits and says so, which can be undone, while
// asking again and again might not be.

public enum KrakenErrorClass: Sendable, Hashable {
  /// The service is busy or unavailable: the same request may succeed after a pause.
  case retryLater
  /// Requests come too fast: the same, and all requests have to slow down.
  case slowDown
  /// The token is unknown or has expired: get a new one, then ask once more.
  case renewToken
  /// The request itself is wrong or not permitted.
  case giveUp
  /// What was asked for is already so.
  case ignore

  public init(_ error: String) {
    func says(_ words: String) -> Bool { error.containsIgnoringCase(words) }
    if says("Already subscribed") || says("Subscription Not Found") {
      self = .ignore
    } else if says("msg rate") || says("rate limit") || says("Too many requests") || says("limit exceeded") {
      self = .slowDown
    } else if says("Invalid session") || says("Invalid token") {
      self = .renewToken
    } else if says("EService:") || says("EGeneral:Internal") || says("Temporary lockout")
      || says("Market data unavailable")
    {
      self = .retryLater
    } else {
      self = .giveUp
    }
  }
}

extension String {
  /// ASCII letters only, which is all that Kraken's texts need.
  func containsIgnoringCase(_ words: String) -> Bool {
    let wanted = words.utf8.map(Self.lowercased)
    let text = utf8.map(Self.lowercased)
    guard !wanted.isEmpty, wanted.count <= text.count else { return wanted.isEmpty }
    return (0...text.count - wanted.count).contains { text[$0..<$0 + wanted.count].elementsEqual(wanted) }
  }

  private static func lowercased(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
  }
}
