// What an answer of Kraken's REST interface means for whoever asked.
//
// Errors of Kraken's own come as `{"error":["EAPI:Invalid key"]}`, mostly with status 200; pages of what stands before
// it with a status alone. Texts, not numbers, tell them apart, so they are recognised by what they contain.

import JSONText

public enum RESTVerdict: Equatable, Sendable {
  case done
  /// Kraken will not have this key; asking again changes nothing.
  case keyRefused(String)
  /// The nonce was not above the last one: the same call may succeed with a higher one.
  case nonceRefused(String)
  /// Not now. Nothing should be asked for `pause`; longer is the caller's choice.
  case later(String, pause: Duration)

  /// Temporary lockout, in Kraken's words about fifteen minutes.
  public static let lockout: Duration = .seconds(900)
  /// The call counter of the slowest tier loses one call in three seconds.
  public static let rateLimited: Duration = .seconds(15)
  public static let blocked: Duration = .seconds(60)
  public static let unavailable: Duration = .seconds(5)

  /// - Parameters:
  ///   - status: of HTTP.
  ///   - wall: nanoseconds since 1970, for answers that name a time.
  public static func judge(status: Int, body: UnsafeRawBufferPointer, wall: Int64) -> RESTVerdict {
    var parser = JSONParser()
    let errors = try? parser.withDocument(body) { root -> [String]? in
      guard root.kind == .object else { return nil }
      // Warnings begin with W.
      return root["error"]?.elements.compactMap(\.string).filter { !$0.hasPrefix("W") } ?? []
    }
    if let first = errors?.first { return judge(error: first, wall: wall) }
    switch status {
    case 200 where errors != nil: return .done
    case 200: return .later("the answer is not what Kraken sends", pause: .zero)
    case 403, 429: return .later("HTTP status \(status)", pause: blocked)
    default: return .later("HTTP status \(status)", pause: status >= 500 ? unavailable : .zero)
    }
  }

  static func judge(error: String, wall: Int64) -> RESTVerdict {
    func says(_ words: String...) -> Bool { words.contains { error.contains($0) } }
    if says("Invalid key", "Invalid signature", "Permission denied") { return .keyRefused(error) }
    if says("Invalid nonce") { return .nonceRefused(error) }
    if says("Temporary lockout") { return .later(error, pause: lockout) }
    if says("Rate limit", "Too many requests") { return .later(error, pause: rateLimited) }
    if let until = error.split(separator: ": ").last.flatMap({ Int64($0) }), says("Throttled:") {
      let seconds = until - wall / 1_000_000_000
      return .later(error, pause: .seconds(min(max(seconds, 1), 900)))
    }
    return .later(error, pause: says("EService:") ? unavailable : .zero)
  }

  /// The token in an answer of GetWebSocketsToken that is `done`; nil if none is there.
  public static func token(in body: UnsafeRawBufferPointer) -> Secret? {
    var parser = JSONParser()
    let token = try? parser.withDocument(body) { root -> Secret? in
      guard let text = root["result"]?["token"], text.kind == .string, !text.hasEscapes else { return nil }
      return Secret(text.contents)
    }
    return token.flatMap { $0.isToken ? $0 : nil }
  }
}

extension Secret {
  /// Whether it can be a token: it stands in JSON text as it is.
  public var isToken: Bool {
    withUnsafeBytes { bytes in
      (1...1024).contains(bytes.count)
        && bytes.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    }
  }
}
