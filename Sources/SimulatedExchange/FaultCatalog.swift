// Every fault with one line about it and the parameters it understands: the source of `kraken-sim faults` and of the
// parser's error messages.

extension Fault {
  public enum Parameter: String, CaseIterable, Sendable {
    case symbol, channel, connection, count, duration, delay, code, size, text, state, side, form, resume, close
  }

  public struct Description: Sendable {
    public var name: Name
    public var summary: String
    public var parameters: [Parameter]
  }

  public static func describe(_ name: Name) -> Description {
    let (summary, parameters) = entry(name)
    return Description(name: name, summary: summary, parameters: parameters)
  }

  private static let data: [Parameter] = [.symbol, .channel, .connection, .count, .duration]
  private static let account: [Parameter] = [.channel, .connection, .count, .duration]
  private static let frames: [Parameter] = [.connection, .count, .duration]

  private static func entry(_ name: Name) -> (String, [Parameter]) {
    switch name {
    case .drop: ("cut the TCP connection without a close frame", [.channel, .connection])
    case .stall:
      ("half-open: read and send nothing; after duration the connection is cut, or goes on (resume=true)",
        [.channel, .connection, .duration, .resume])
    case .close: ("close with a code (default 1001) and a reason", [.channel, .connection, .code, .text])
    case .refuseConnections: ("close the port: connections are refused (default 10 s)", [.duration])
    case .httpStatus:
      ("answer the upgrade with an HTTP status (code=429, 503, 403 …; default 503, once)", [.code, .count, .duration])
    case .maintenance:
      ("status maintenance, cancel_only, post_only, online over the duration (default 20 s); close=true also closes",
        [.duration, .close])
    case .system: ("announce a state (state=online, maintenance, cancel_only or post_only)", [.state])
    case .delist: ("the pair is delisted: an instrument update, then nothing more", [.symbol])
    case .pairStatus: ("the pair's status changes (state=cancel_only, …)", [.symbol, .state])
    case .instrumentUpdate: ("the pair's record is sent again with another qty_min", [.symbol])
    case .emptySide: ("all levels of one side go (side=bids or asks; default 10 s)", [.symbol, .side, .duration])
    case .refuseSymbol: ("subscriptions are refused: Currency pair not supported", [.symbol, .count, .duration])
    case .lateAck: ("answers come late (delay, default 3 s)", [.symbol, .channel, .connection, .delay, .count, .duration])
    case .missingAck: ("answers do not come at all", data)
    case .duplicateAck: ("answers come twice", data)
    case .reorderedAcks: ("the answers of one request come in reverse order", frames)
    case .dataBeforeAck: ("the snapshot precedes the answer", data)
    case .rateLimit:
      ("requests are refused: Exceeded msg rate (form=standard, bare or v1)", frames + [.form])
    case .refuseRequest:
      ("requests are answered with an error (text, default EService:Unavailable)", frames + [.text])
    case .lostRequest: ("a request is lost: no answer, no effect", frames)
    case .silence: ("no data of a topic although heartbeats go on (default 10 s)", data)
    case .heartbeatStop: ("no heartbeats (default 10 s)", frames)
    case .missingSnapshot: ("updates without the snapshot before them", data)
    case .duplicateSnapshot: ("the snapshot of what is subscribed comes once more", [.symbol, .channel, .connection])
    case .wrongChecksum: ("a book message with a wrong checksum", [.symbol, .connection, .count, .duration])
    case .lostUpdate: ("an update that never arrives", data)
    case .duplicateUpdate: ("an update that arrives twice", data)
    case .swappedUpdates: ("two updates of a topic in the wrong order", data)
    case .crossedBook: ("a book update that crosses the book, its checksum correct", [.symbol])
    case .strayUpdates: ("updates go on after an unsubscribe (delay, default 1 s)", data + [.delay])
    case .missingFields: ("ticker messages without some of their fields", [.symbol, .connection, .count, .duration])
    case .exponents: ("trade quantities written with exponents", [.symbol, .connection, .count, .duration])
    case .sequenceGap: ("a private message's number skips one, as if one were lost", account)
    case .sequenceRepeat: ("a private message has the number of the one before", account)
    case .sequenceRestart: ("the numbers of a private channel start at 1 without a snapshot", account)
    case .tokenExpired: ("every token issued so far is worthless, those in use too", [])
    case .tokenRefused: ("a token is refused (text, default ESession:Invalid session)", frames + [.text])
    case .nonceError: ("signed calls are answered EAPI:Invalid nonce", [.count, .duration])
    case .restStatus: ("signed calls get an HTTP status (default 503)", [.code, .count, .duration])
    case .restError: ("signed calls get an error (text, default EService:Unavailable)", [.text, .count, .duration])
    case .restDelay: ("signed calls are answered late (delay, default 3 s)", [.delay, .count, .duration])
    case .restCut: ("signed calls get no answer: the connection is cut", [.count, .duration])
    case .orderAnswerLate:
      ("execution reports come first, a trading request's answer later (delay, default 20ms)", frames + [.delay])
    case .orderAnswerFirst:
      ("a trading request's answer comes first, execution reports later (delay, default 20ms)", frames + [.delay])
    case .orderAnswerLost: ("a trading request takes effect, but is not answered", frames)
    case .cutBeforeOrder: ("the connection is cut before a trading request takes effect", frames)
    case .cutAfterOrder: ("the connection is cut after a trading request took effect, before its answer", frames)
    case .refuseOrder:
      ("trading requests are answered with an error (text, default EGeneral:Internal error)", frames + [.text])
    case .restate: ("the engine takes a tenth off the pair's open orders", [.symbol])
    case .otherShapes: ("the next batch is answered in the other shape that has been seen", [.count, .duration])
    case .fragmentedFrames:
      ("messages in several frames of size bytes (default 16), pings between them", frames + [.size])
    case .slowFrames:
      ("frames whose bytes trickle: size bytes (default 8) every delay (default 20ms)", frames + [.size, .delay])
    case .ping: ("a WebSocket ping frame", [.connection])
    case .garbage: ("a text frame that is not JSON (or the given text)", [.connection, .text])
    case .invalidUTF8: ("a text frame that is not UTF-8", [.connection])
    case .truncatedJSON: ("a message that ends in the middle", [.connection])
    case .binaryFrame: ("a binary frame", [.connection])
    case .oversized: ("a message of size bytes (default 17 MiB)", [.connection, .size])
    case .unknownChannel: ("a message of a channel that nobody knows", [.connection])
    case .unknownMethod: ("an answer to a method that nobody knows", [.connection])
    case .extraFields: ("fields that nobody knows in every object (default 10 s)", frames)
    case .shuffledKeys: ("keys in random order (default 10 s)", frames)
    case .spacedJSON: ("white space between the tokens (default 10 s)", frames)
    }
  }

  /// How often a fault strikes when neither count nor duration is given.
  var defaultCount: Int? { defaultDuration == nil ? 1 : nil }

  var defaultDuration: Int64? {
    switch name {
    case .refuseConnections, .silence, .heartbeatStop, .extraFields, .shuffledKeys, .spacedJSON, .emptySide:
      10_000_000_000
    case .maintenance: 20_000_000_000
    default: nil
    }
  }
}
