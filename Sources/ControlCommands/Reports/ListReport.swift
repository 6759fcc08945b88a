// Lists that the daemon answers (topics, clients) as tables. The columns people look for come first,
// with a heading of their own; whatever else a newer daemon says follows under its key.

import KrakenBridgeClient

struct ListReport {
  struct Column {
    var key: String
    var title: String
    var show: @Sendable (JSON, Style) -> String = { value, _ in value.plainText }
    var alignedRight = false
  }

  var columns: [Column]
  var elements: [JSON]

  /// - Parameter raw: for programs: every value as it came, the keys as headings.
  func table(_ style: Style, raw: Bool) -> Table {
    let known = columns.filter { column in elements.contains { $0[column.key] != nil } || elements.isEmpty }
    var keys = Set(columns.map(\.key))
    var others: [Column] = []
    for member in elements.flatMap(\.members) where keys.insert(member.name).inserted {
      others.append(Column(key: member.name, title: member.name))
    }
    let shown = known + others
    return Table(
      columns: shown.map { Table.Column(title: raw ? $0.key : $0.title, alignedRight: $0.alignedRight) },
      rows: elements.map { element in
        shown.map { column in
          guard let value = element[column.key] else { return "" }
          return raw ? value.plainText : column.show(value, style)
        }
      })
  }

  private static let state: @Sendable (JSON, Style) -> String = { value, style in
    style.paint(value.plainText, Style.ink(forState: value.plainText))
  }
  private static let bytes: @Sendable (JSON, Style) -> String = { value, _ in
    value.approximate.map(Quantity.bytes) ?? value.plainText
  }
  private static let count: @Sendable (JSON, Style) -> String = { value, _ in Quantity.grouped(value.plainText) }
  private static let seconds: @Sendable (JSON, Style) -> String = { value, _ in
    value.approximate.map(Quantity.seconds) ?? value.plainText
  }
  private static let yes: @Sendable (JSON, Style) -> String = { value, _ in value.bool == true ? "yes" : "" }

  static func topics(_ elements: [JSON]) -> ListReport {
    ListReport(
      columns: [
        Column(key: "channel", title: "channel"),
        Column(key: "symbol", title: "symbol"),
        Column(key: "asset", title: "asset"),
        Column(key: "depth", title: "depth", alignedRight: true),
        Column(key: "interval", title: "interval", alignedRight: true),
        Column(key: "event_trigger", title: "trigger"),
        Column(key: "state", title: "state", show: state),
        Column(key: "subscribers", title: "readers", show: count, alignedRight: true),
        Column(key: "pinned", title: "pinned", show: yes),
        Column(key: "lines", title: "lines", show: count, alignedRight: true),
        Column(key: "last_seq", title: "last seq", alignedRight: true),
        Column(key: "last_received", title: "last received"),
        Column(key: "failures", title: "failures", alignedRight: true),
        Column(key: "reason", title: "reason"),
      ],
      elements: elements)
  }

  static func clients(_ elements: [JSON]) -> ListReport {
    ListReport(
      columns: [
        Column(key: "id", title: "id", alignedRight: true),
        Column(key: "listener", title: "listener"),
        Column(key: "uid", title: "uid", alignedRight: true),
        Column(key: "gid", title: "gid", alignedRight: true),
        Column(key: "pid", title: "pid", alignedRight: true),
        Column(key: "connected_s", title: "connected", show: seconds, alignedRight: true),
        Column(key: "subscriptions", title: "topics", show: count, alignedRight: true),
        Column(key: "delivered_lines", title: "lines", show: count, alignedRight: true),
        Column(key: "delivered_bytes", title: "bytes", show: bytes, alignedRight: true),
        Column(key: "lag_lines", title: "lag lines", show: count, alignedRight: true),
        Column(key: "lag_bytes", title: "lag", show: bytes, alignedRight: true),
        Column(key: "gaps", title: "gaps", alignedRight: true),
        Column(key: "on_slow", title: "on slow"),
      ],
      elements: elements)
  }
}

extension JSON {
  /// Every scalar inside with its path, for CSV: `upstreams.0.name`.
  func flattened(under path: String = "") -> [(path: String, value: String)] {
    let children: [(String, JSON)]
    switch self {
    case .object(let members): children = members.map { ($0.name, $0.value) }
    case .array(let elements): children = elements.enumerated().map { (String($0.offset), $0.element) }
    default: return [(path, plainText)]
    }
    return children.flatMap { name, value in value.flattened(under: path.isEmpty ? name : path + "." + name) }
  }
}
