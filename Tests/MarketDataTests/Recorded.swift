// Recorded Kraken messages, and feeding them to a book the way the bridge does.

import Foundation
import JSONText
import MarketData

/// The lines of a file in Tests/Fixtures/kraken.
func recorded(_ name: String) throws -> [[UInt8]] {
  let url = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures/kraken/\(name)")
  return try Data(contentsOf: url).split(separator: UInt8(ascii: "\n")).map { [UInt8]($0) }
}

/// One book message, copied out of its JSON so that tests can change it.
struct RecordedUpdate {
  struct Entry: Equatable {
    var side: BookSide
    var price: String
    var qty: String
  }

  var isSnapshot: Bool
  var entries: [Entry]
  var checksum: UInt32

  init(isSnapshot: Bool, entries: [Entry], checksum: UInt32) {
    self.isSnapshot = isSnapshot
    self.entries = entries
    self.checksum = checksum
  }

  init(parsing line: [UInt8]) throws {
    var parser = JSONParser()
    self = try parser.withDocument(line) { root in
      let item = root["data"]!.elements.first { _ in true }!
      var entries: [Entry] = []
      for (side, key) in [(BookSide.bids, "bids" as StaticString), (.asks, "asks")] {
        guard let levels = item[key]?.elements else { continue }
        for level in levels {
          entries.append(Entry(side: side, price: level["price"]!.literal, qty: level["qty"]!.literal))
        }
      }
      return RecordedUpdate(
        isSnapshot: root["type"]!.equals("snapshot"), entries: entries,
        checksum: UInt32(item["checksum"]!.uint64!))
    }
  }
}

extension JSONValue {
  var literal: String { String(decoding: contents, as: UTF8.self) }
}

extension OrderBook {
  mutating func set(_ side: BookSide, _ price: String, _ qty: String) throws(BookFault) {
    let (price, qty) = (Array(price.utf8), Array(qty.utf8))
    let result = price.withUnsafeBytes { price in
      qty.withUnsafeBytes { qty in
        Result { () throws(BookFault) in try set(side, price: price, qty: qty) }
      }
    }
    try result.get()
  }

  mutating func apply(_ update: RecordedUpdate) throws(BookFault) {
    if update.isSnapshot { beginSnapshot() } else { beginUpdate() }
    for entry in update.entries { try set(entry.side, entry.price, entry.qty) }
    try finish(checksum: update.checksum)
  }

  /// A snapshot of these levels whose checksum is not the point of the test.
  mutating func load(bids: [(String, String)], asks: [(String, String)]) throws {
    let entries =
      bids.map { RecordedUpdate.Entry(side: .bids, price: $0.0, qty: $0.1) }
      + asks.map { RecordedUpdate.Entry(side: .asks, price: $0.0, qty: $0.1) }
    try apply(RecordedUpdate(isSnapshot: true, entries: entries, checksum: slowChecksum(bids: bids, asks: asks)))
  }

  func levels(_ side: BookSide, limit: Int = .max) -> [String] {
    var result: [String] = []
    forEachLevel(side, limit: limit) { price, qty in
      result.append("\(String(decoding: price, as: UTF8.self)) \(String(decoding: qty, as: UTF8.self))")
    }
    return result
  }

  func changes(_ side: BookSide, view: Int) -> [String] {
    var result: [String] = []
    forEachChange(side, view: view) { price, qty in
      result.append("\(String(decoding: price, as: UTF8.self)) \(String(decoding: qty, as: UTF8.self))")
    }
    return result
  }
}

/// The checksum of plain literals, best first, written for clarity: the text is built and run through a bitwise CRC.
func slowChecksum(bids: [(String, String)], asks: [(String, String)]) -> UInt32 {
  func token(_ literal: String) -> String {
    String(literal.replacingOccurrences(of: ".", with: "").drop { $0 == "0" })
  }
  return slowCRC((asks.prefix(10) + bids.prefix(10)).map { token($0.0) + token($0.1) }.joined())
}

func slowCRC(_ text: String) -> UInt32 {
  var register: UInt32 = 0xFFFF_FFFF
  for byte in text.utf8 {
    for bit in 0..<8 {
      let feedback = (register ^ UInt32(byte) >> bit) & 1
      register = register >> 1 ^ (feedback == 1 ? 0xEDB8_8320 : 0)
    }
  }
  return ~register
}

/// SplitMix64: the same sequence for the same seed, everywhere.
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  mutating func chance(_ oneIn: Int) -> Bool { Int.random(in: 0..<oneIn, using: &self) == 0 }
}
