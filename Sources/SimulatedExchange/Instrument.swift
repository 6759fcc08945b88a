// What can be traded: symbols, precisions and the size of each market. Prices and quantities are integers scaled by
// the pair's own precisions throughout the model.

public struct Instrument: Sendable, Equatable {
  public enum Status: String, Sendable {
    case online, delisted, maintenance
    case cancelOnly = "cancel_only"
    case postOnly = "post_only"
    case limitOnly = "limit_only"
    case reduceOnly = "reduce_only"
    case workInProgress = "work_in_progress"
  }

  public var base: String
  public var quote: String
  public var pricePrecision: Int
  public var quantityPrecision: Int
  public var costPrecision: Int
  public var status = Status.online
  public var isMarginable = true
  /// Where the market starts, in units of 10^-pricePrecision.
  var startPrice: Int64
  /// The usual quantity of a level, in units of 10^-quantityPrecision.
  var typicalQuantity: Int64
  /// The least that an order may be of, in the same units.
  public var minimumQuantity: Int64
  /// Price levels that each side of the book keeps about.
  var levels: Int
  /// Mean distance of neighbouring levels, in price units.
  var gap: Int64

  public var symbol: String { base + "/" + quote }

  /// The pair as the REST API and version 1 name it.
  var legacyBase: String { Self.legacyNames[base] ?? base }
  var legacyQuote: String { Self.legacyNames[quote] ?? quote }
  private static let legacyNames = ["BTC": "XBT", "DOGE": "XDG"]
}

struct Asset: Sendable {
  var id: String
  var precision: Int
  var displayPrecision: Int
  var isBorrowable: Bool
}
