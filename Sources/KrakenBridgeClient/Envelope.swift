// The outer keys of a line, read in one pass without copying what is inside `data` and `result`.

import JSONText

/// The keys of a line that say what it is, absent where the line has none.
struct Envelope {
  var method: String?
  var success: Bool?
  var requestID: UInt64?
  var code: String?
  var error: String?
  var resultSymbol: String?

  var channel: String?
  var type: String?
  var symbol: String?
  var asset: String?
  var depth: Int?
  var interval: Int?
  var eventTrigger: String?
  var partial: Bool?
  var seq: UInt64?
  var previous: UInt64?
  var time: String?
  var received: String?

  /// `nil` when the line is not a JSON object.
  init?(reading bytes: [UInt8]) {
    var parser = JSONParser()
    let read: Envelope?? = try? parser.withDocument(bytes) { root -> Envelope? in
      root.kind == .object ? Envelope(root) : nil
    }
    guard let envelope = read ?? nil else { return nil }
    self = envelope
  }

  private init(_ root: JSONValue) {
    for (key, value) in root.members {
      switch key.string {
      case "method": method = value.string
      case "success": success = value.bool
      case "req_id": requestID = value.uint64
      case "code": code = value.string
      case "error": error = value.string
      case "result": resultSymbol = value["symbol"]?.string
      case "channel": channel = value.string
      case "type": type = value.string
      case "symbol": symbol = value.string
      case "asset": asset = value.string
      case "depth": depth = value.int64.map { Int($0) }
      case "interval": interval = value.int64.map { Int($0) }
      case "event_trigger": eventTrigger = value.string
      case "partial": partial = value.bool
      case "seq": seq = value.uint64
      case "prev": previous = value.uint64
      case "time": time = value.string
      case "received": received = value.string
      default: break
      }
    }
  }
}
