// Kraken's own messages and published examples: every checksum in them has to come out.

import JSONText
import Testing

@testable import MarketData

@Suite struct RecordedBookTests {
  @Test(
    arguments: [
      ("book.jsonl", 20, 2_226_689_845), ("book-replay.jsonl", 510, 2_438_878_880),
      ("book-matic.jsonl", 2, 2_114_181_697),
    ] as [(String, Int, UInt32)])
  func everyMessageVerifies(_ file: String, _ count: Int, _ last: UInt32) throws {
    var book = OrderBook(depth: 10)
    let updates = try recorded(file).map(RecordedUpdate.init(parsing:))
    #expect(updates.count == count)
    #expect(updates.last?.checksum == last)
    for (index, update) in updates.enumerated() {
      #expect(throws: Never.self, "line \(index + 1)") { try book.apply(update) }
    }
    #expect(book.isUsable == true)
  }

  @Test func publishedVectors() throws {
    var seen: [String] = []
    var parser = JSONParser()
    for line in try recorded("vectors.jsonl") {
      try parser.withDocument(line) { vector in
        guard vector["kind"]!.equals("l2") else { return }
        func side(_ key: StaticString) -> [(String, String)] {
          vector[key]!.elements.map { row in
            let pair = row.elements.map(\.literal)
            return (pair[0], pair[1])
          }
        }
        let checksum = UInt32(vector["checksum"]!.uint64!)
        // The vector itself, then the book.
        #expect(slowCRC(vector["input"]!.literal) == checksum)
        #expect(slowChecksum(bids: side("bids"), asks: side("asks")) == checksum)
        var book = OrderBook(depth: 10)
        try book.load(bids: side("bids"), asks: side("asks"))
        #expect(book.count(.bids) == 10 && book.count(.asks) == 10)
        seen.append(vector["name"]!.literal)
      }
    }
    #expect(seen.count == 7)
  }

  /// Version 1 sends the same kind of book with quoted numbers and fixed decimals, and no checksum on the snapshot.
  @Test func versionOneReplay() throws {
    var book = OrderBook(depth: 10)
    var parser = JSONParser()
    var verified = 0
    for line in try recorded("v1-book-replay.jsonl") {
      try parser.withDocument(line) { message in
        var update = RecordedUpdate(isSnapshot: false, entries: [], checksum: 0)
        for payload in message.elements {
          for (key, value) in payload.members {
            if key.equals("c") {
              update.checksum = try #require(UInt32(value.literal))
            } else {
              update.isSnapshot = key.equals("as") || key.equals("bs")
              let side: BookSide = key.equals("as") || key.equals("a") ? .asks : .bids
              update.entries += value.elements.map { level in
                let fields = level.elements.map(\.literal)
                return .init(side: side, price: fields[0], qty: fields[1])
              }
            }
          }
        }
        guard !update.entries.isEmpty else { return }
        if update.isSnapshot {
          let side = { side in update.entries.filter { $0.side == side }.map { ($0.price, $0.qty) } }
          update.checksum = slowChecksum(bids: side(.bids), asks: side(.asks))
        }
        try book.apply(update)
        if !update.isSnapshot { verified += 1 }
      }
    }
    #expect(verified == 979)
  }

  // MARK: What the checksum is for

  private func replay() throws -> [RecordedUpdate] {
    try recorded("book-replay.jsonl").map(RecordedUpdate.init(parsing:))
  }

  /// Index of the first message that does not verify, if any.
  private func firstFault(_ updates: [RecordedUpdate]) -> (index: Int, fault: BookFault)? {
    var book = OrderBook(depth: 10)
    for (index, update) in updates.enumerated() {
      do throws(BookFault) { try book.apply(update) } catch { return (index, error) }
    }
    return nil
  }

  /// One digit changed in any entry of any of the first messages: noticed there, unless that entry has no effect
  /// on the best ten (a later one in the same message has the last word, or it is cut off).
  @Test func aWrongDigitIsNoticed() throws {
    let updates = Array(try replay().prefix(60))
    var noticed = 0
    for index in updates.indices {
      for entry in updates[index].entries.indices
      where !updates[index].entries[entry].qty.allSatisfy("0.".contains) {
        var wrong = updates
        let last = wrong[index].entries[entry].qty.removeLast()
        wrong[index].entries[entry].qty.append(last == "9" ? "0" : "9")
        var right = OrderBook(depth: 10)
        for update in updates[...index] { try right.apply(update) }
        let fault = firstFault(Array(wrong[...index]))
        let price = wrong[index].entries[entry].price
        let side = wrong[index].entries[entry].side
        let isVisible =
          right.levels(side).contains("\(price) \(updates[index].entries[entry].qty)")
          && updates[index].entries.lastIndex { $0.price == price && $0.side == side } == entry
        #expect((fault != nil) == isVisible, "message \(index + 1), entry \(entry + 1)")
        if fault != nil { noticed += 1 }
      }
    }
    #expect(noticed > 60)
  }

  /// The same levels in a book of its own.
  private func copy(_ book: borrowing OrderBook) throws -> OrderBook {
    func levels(_ side: BookSide) -> [(String, String)] {
      book.levels(side).map { level in
        let texts = level.split(separator: " ").map(String.init)
        return (texts[0], texts[1])
      }
    }
    var copy = OrderBook(depth: book.depth)
    try copy.load(bids: levels(.bids), asks: levels(.asks))
    return copy
  }

  /// A lost message is noticed at the next one, unless that one sets right whatever was missed.
  @Test func aLostUpdateIsNoticed() throws {
    let updates = try replay()
    var noticed = 0
    var book = OrderBook(depth: 10)
    try book.apply(updates[0])
    for index in 1..<updates.count - 1 {
      var lossy = try copy(book)
      try book.apply(updates[index])
      var complete = try copy(book)
      try complete.apply(updates[index + 1])
      do throws(BookFault) {
        try lossy.apply(updates[index + 1])
        #expect(lossy.levels(.bids) == complete.levels(.bids), "message \(index + 1)")
        #expect(lossy.levels(.asks) == complete.levels(.asks), "message \(index + 1)")
      } catch {
        noticed += 1
      }
    }
    #expect(noticed > 350)
  }

  /// A book that is never cut agrees with few of the checksums: only until something falls off its end.
  @Test func aForgottenCutIsNoticed() throws {
    var agreeing = 0
    var book = OrderBook(depth: 1000)
    for update in try replay() {
      if update.isSnapshot { book.beginSnapshot() } else { book.beginUpdate() }
      for entry in update.entries { try book.set(entry.side, entry.price, entry.qty) }
      guard let own = book.computeChecksum() else { break }
      if own == update.checksum { agreeing += 1 }
      // Kept going with its own checksum, as a careless client would, until what it never removed crosses.
      do throws(BookFault) { try book.finish(checksum: own) } catch {
        #expect(error == .crossed)
        break
      }
    }
    #expect(agreeing > 0 && agreeing < 100)
  }

  /// The first updates of the live capture, step by step.
  @Test func checksumAfterEachStep() throws {
    let updates = try recorded("book.jsonl").map(RecordedUpdate.init(parsing:))
    #expect(updates[1].checksum == 3_437_785_338 && updates[2].checksum == 1_758_305_755)
    var book = OrderBook(depth: 10)
    try book.apply(updates[0])
    #expect(book.levels(.asks, limit: 1) == ["81776.7 0.00050857"])
    try book.apply(updates[1])
    #expect(book.levels(.asks).last == "81784.8 0.00005100")
    try book.apply(updates[2])
    #expect(book.levels(.asks).last == "81784.9 0.06320000")
  }
}
