// Keys of the one account there is, and the tokens that are issued for them.

public struct APIKey: Sendable, Equatable {
  public enum Permission: Sendable, CaseIterable {
    /// Get a token at all.
    case webSockets
    /// Executions, balances, queries of orders.
    case query
    case trade
  }

  public var key: String
  /// Base64, as Kraken prints it.
  public var secret: String
  public var permissions: Set<Permission>
  /// The one-time password that every call must carry, for a key with two factors.
  public var oneTimePassword: String?

  public init(
    key: String, secret: String, permissions: Set<Permission> = Set(Permission.allCases), oneTimePassword: String? = nil
  ) {
    self.key = key
    self.secret = secret
    self.permissions = permissions
    self.oneTimePassword = oneTimePassword
  }

  /// What works everywhere unless other keys are configured. No secret at all, in spite of its name.
  public static let demonstration = APIKey(
    key: "SIMULATED/EXCHANGE/DEMONSTRATION/KEY/OPENS/NOTHING/ELSE0",
    // "simulated exchange demonstration secret, it protects nothing!!!!" in Base64.
    secret: "c2ltdWxhdGVkIGV4Y2hhbmdlIGRlbW9uc3RyYXRpb24gc2VjcmV0LCBpdCBwcm90ZWN0cyBub3RoaW5nISEhIQ==")
}

/// A WebSocket token and whom it speaks for.
struct SessionToken: Sendable {
  var key: APIKey
  /// After this moment it works only where a private subscription has been kept since.
  var expiresAt: Int64
}
