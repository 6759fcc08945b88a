// One side of a true book: levels sorted so that the best is last, because almost everything happens there and the
// end of an array is cheap to change. Keys are prices for bids and negated prices for asks: larger is always better.

public struct BookLevel: Sendable, Equatable {
  /// Scaled by the pair's price precision.
  public var price: Int64
  /// Scaled by the pair's quantity precision.
  public var quantity: Int64
}

struct BookSide: Sendable {
  struct Level: Sendable {
    var key: Int64
    var quantity: Int64
  }

  let isBid: Bool
  private(set) var levels: [Level] = []

  var count: Int { levels.count }
  var bestKey: Int64? { levels.last?.key }
  var best: Level? { levels.last }

  func price(_ key: Int64) -> Int64 { isBid ? key : -key }
  func key(_ price: Int64) -> Int64 { isBid ? price : -price }

  /// The level `rank` places behind the best.
  subscript(rank rank: Int) -> Level { levels[levels.count - 1 - rank] }

  /// The key that a view of `depth` levels reaches down to; a shorter book is seen whole.
  func boundary(depth: Int) -> Int64 { depth <= levels.count ? levels[levels.count - depth].key : .min }

  /// Where `key` stands or would stand.
  func index(of key: Int64) -> Int {
    var low = 0
    var high = levels.count
    while low < high {
      let middle = (low + high) / 2
      if levels[middle].key < key { low = middle + 1 } else { high = middle }
    }
    return low
  }

  func quantity(at key: Int64) -> Int64 {
    let index = index(of: key)
    return index < levels.count && levels[index].key == key ? levels[index].quantity : 0
  }

  /// Takes levels given best first as the whole side.
  mutating func fill(_ bestFirst: [BookLevel]) {
    levels = bestFirst.reversed().map { Level(key: key($0.price), quantity: $0.quantity) }
  }

  /// Sets a level; zero removes it.
  mutating func set(_ key: Int64, _ quantity: Int64) {
    let index = index(of: key)
    let exists = index < levels.count && levels[index].key == key
    switch (exists, quantity) {
    case (true, 0): levels.remove(at: index)
    case (true, _): levels[index].quantity = quantity
    case (false, 0): break
    case (false, _): levels.insert(Level(key: key, quantity: quantity), at: index)
    }
  }

  /// Best first.
  func top(_ depth: Int) -> [BookLevel] {
    levels.suffix(depth).reversed().map { BookLevel(price: price($0.key), quantity: $0.quantity) }
  }
}
