// Every key that the configuration knows, as a tree. The file, the environment and the suggestions for
// misspelt keys are all checked against this one list.

/// What may stand under a key.
indirect enum SettingShape: Sendable {
  case scalar
  /// A list of scalars; a single scalar counts as a list of one.
  case list
  case record([(key: String, shape: SettingShape)])
  /// A list of records.
  case records([(key: String, shape: SettingShape)])
  /// A word or a list of records.
  case scalarOrRecords([(key: String, shape: SettingShape)])

  /// The whole configuration file.
  static let configuration: SettingShape = .record([
    (
      "upstream",
      .record([
        ("public-url", .scalar), ("private-url", .scalar), ("level3-url", .scalar), ("rest-url", .scalar),
        ("ca-file", .scalar),
      ])
    ),
    ("subscriptions", .records(subscriptionKeys)),
    (
      "listeners",
      .records([
        ("path", .scalar), ("mode", .scalar), ("group", .scalar), ("scope", .list),
        ("preset", .scalarOrRecords(subscriptionKeys)), ("allow-uids", .list), ("allow-gids", .list),
        ("lag-bytes", .scalar), ("lag-seconds", .scalar),
      ])
    ),
    ("socket", .list),
    ("private-socket", .scalar),
    (
      "limits",
      .record([
        ("ring-bytes", .scalar), ("connections", .scalar), ("connections-per-uid", .scalar),
        ("subscriptions-per-connection", .scalar), ("lag-bytes", .scalar), ("lag-seconds", .scalar),
        ("linger-seconds", .scalar),
      ])
    ),
    (
      "silence",
      .record([
        ("connection-seconds", .scalar), ("book-seconds", .scalar), ("ticker-seconds", .scalar),
        ("trade-seconds", .scalar), ("ohlc-seconds", .scalar), ("instrument-seconds", .scalar),
      ])
    ),
    ("credentials", .record([("dir", .scalar), ("token-command", .scalar), ("otp-command", .scalar)])),
    ("account", .record([("rebased", .scalar), ("users", .scalar)])),
    (
      "trading",
      .record([
        ("enabled", .scalar), ("symbols", .list), ("max-order-qty", .scalar), ("max-notional", .scalar),
        ("orders-per-minute", .scalar), ("post-only", .scalar), ("validate-only", .scalar),
        ("refuse-over-rate", .scalar), ("cancel-after-seconds", .scalar),
      ])
    ),
    ("state-dir", .scalar),
    ("simulate", .scalar),
    ("log", .record([("level", .scalar), ("format", .scalar)])),
  ])

  private static let subscriptionKeys: [(key: String, shape: SettingShape)] = [
    ("channel", .scalar), ("symbols", .list), ("depth", .scalar), ("interval", .scalar), ("event-trigger", .scalar),
  ]

  var members: [(key: String, shape: SettingShape)]? {
    switch self {
    case .scalar, .list: nil
    case .record(let members), .records(let members), .scalarOrRecords(let members): members
    }
  }

  /// Whether the words of an environment variable's name, after the prefix, spell a key in this shape:
  /// `LISTENERS_0_PATH`, `LIMITS_RING_BYTES`.
  func isSpelt(by name: Substring) -> Bool {
    switch self {
    case .scalar, .list:
      return name.isEmpty
    case .scalarOrRecords where name.isEmpty:
      return true
    case .records(let members), .scalarOrRecords(let members):
      let digits = name.prefix { $0.isNumber }
      guard !digits.isEmpty, name.dropFirst(digits.count).first == "_" else { return false }
      return SettingShape.record(members).isSpelt(by: name.dropFirst(digits.count + 1))
    case .record(let members):
      return members.contains { key, shape in
        let spelling = key.environmentSpelling
        guard name.hasPrefix(spelling) else { return false }
        let rest = name.dropFirst(spelling.count)
        return rest.isEmpty ? shape.isSpelt(by: rest) : rest.first == "_" && shape.isSpelt(by: rest.dropFirst())
      }
    }
  }
}

extension String {
  /// The key as part of an environment variable's name.
  var environmentSpelling: String {
    String(uppercased().map { $0.isLetter || $0.isNumber ? $0 : "_" })
  }
}
