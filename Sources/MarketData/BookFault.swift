// What can be wrong with a book. Every fault means the same to its owner: forget this book, tell
// the readers, and ask for a new snapshot.

public enum BookSide: Sendable, Equatable, CaseIterable {
  case bids, asks
}

public enum BookFault: Error, Equatable, Sendable {
  /// A price or quantity that is no plain non-negative decimal number, or one too long or too large to hold exactly.
  case malformedNumber
  /// The best bid is not below the best ask.
  case crossed
  case checksum(expected: UInt32, computed: UInt32)
  /// Changed before its first snapshot, or after a fault.
  case noSnapshot
  /// Level 3: an order id or timestamp longer than any Kraken sends.
  case malformedOrder
}
