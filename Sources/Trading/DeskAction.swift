// What the desk wants done. It carries nothing out itself.

/// Prints without the bytes it carries: a request to Kraken contains the token.
public enum DeskAction: Equatable, Sendable {
  /// One message for the private upstream, as it is to be sent. The token is inside.
  case send([UInt8])
  /// A complete answer line with its LF.
  case answer(HolderID, [UInt8])
  /// The data object of an `orders` event line. `time` is Kraken's timestamp as JSON text with its quotes.
  case stage(HolderID, symbol: String?, time: [UInt8]?, data: [UInt8])
  /// A REST call; its outcome is to be handed to `queryAnswered` with this number.
  case query(UInt64, path: String, form: String)
  /// Kraken does not accept the token any more: get another and call `upstreamReady` with it.
  case renewToken
  case log(DeskLogEvent)
}

extension DeskAction: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String {
    switch self {
    case .send(let bytes): "send(\(bytes.count) bytes)"
    case .answer(let holder, let line): "answer(\(holder.value), \(String(decoding: line, as: UTF8.self)))"
    case .stage(let holder, let symbol, _, let data):
      "stage(\(holder.value), \(symbol ?? "-"), \(String(decoding: data, as: UTF8.self)))"
    case .query(let id, let path, let form): "query(\(id), \(path), \(form))"
    case .renewToken: "renewToken"
    case .log(let event): "log(\(event.level), \(event.message))"
    }
  }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: []) }
}

public struct DeskLogEvent: Equatable, Sendable {
  public enum Level: UInt8, Sendable, Comparable {
    case debug, info, notice, warning, error
    public static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
  }

  public var level: Level
  /// One sentence without a full stop; never a token.
  public var message: String

  public init(_ level: Level, _ message: String) {
    self.level = level
    self.message = message
  }
}
