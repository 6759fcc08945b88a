// Which sockets the daemon opens: the defaults or the file's list, with --socket and --private-socket in place
// of the listeners of their kind.

import BridgeCore

extension Settings {
  /// `sun_path` without its terminating zero.
  static let socketPathBytesMax = 107

  mutating func readListeners(_ source: inout SettingsSource, _ facts: ProcessFacts, runtimeDirectory: String) {
    let members = SettingShape.configuration.members?.first { $0.key == "listeners" }?.shape.members ?? []
    let count = source.recordCount("listeners", members: members)
    var keyed: [(key: String, listener: ListenerSettings)] = []
    if count > 0 || source.list("listeners") != nil {
      for index in 0..<count {
        let key = "listeners.\(index)"
        guard let listener = readListener(key, &source, facts) else { continue }
        keyed.append((key, listener))
      }
    } else {
      keyed = defaultListeners(runtimeDirectory).map { ("default listener", $0) }
    }
    if let paths = source.list("socket") {
      keyed.removeAll { !$0.listener.carriesAccount }
      keyed += paths.map {
        ("socket", ListenerSettings(path: $0, mode: 0o666, group: nil, scope: [.market], preset: .none))
      }
    }
    if let path = source.text("private-socket") {
      keyed.removeAll { $0.listener.carriesAccount }
      if credentials.areGiven || simulation != nil {
        keyed.append(("private-socket", privateListener(path)))
      } else {
        warnings.append("there are no credentials, so \(path) is not opened")
      }
    }

    if keyed.isEmpty, source.problems.isEmpty {
      source.refuse("listeners", "at least one listener is needed")
    }
    var seen: Set<String> = []
    for (key, listener) in keyed {
      let path = listener.path
      if path.isEmpty || path.utf8.contains(0) {
        source.refuse(key, value: path, "allowed is the path of a socket")
      } else if path.utf8.count > Settings.socketPathBytesMax {
        source.refuse(
          key, value: path,
          "the path is \(path.utf8.count) bytes long; the system allows \(Settings.socketPathBytesMax) for a socket")
      } else if !seen.insert(path).inserted {
        source.refuse(key, value: path, "another listener has the same path")
      }
    }
    listeners = keyed.map(\.listener)
  }

  private func defaultListeners(_ directory: String) -> [ListenerSettings] {
    var listeners = [
      ListenerSettings(path: directory + "/bridge.sock", mode: 0o666, group: nil, scope: [.market], preset: .none),
      ListenerSettings(path: directory + "/feed.sock", mode: 0o666, group: nil, scope: [.market], preset: .everything),
    ]
    if credentials.areGiven || simulation != nil { listeners.append(privateListener(directory + "/private.sock")) }
    return listeners
  }

  private func privateListener(_ path: String) -> ListenerSettings {
    let scope: Set<ListenerSettings.Scope> = trading.enabled ? [.market, .account, .trade] : [.market, .account]
    return ListenerSettings(path: path, mode: 0o600, group: nil, scope: scope, preset: .none)
  }

  private func readListener(
    _ key: String, _ source: inout SettingsSource, _ facts: ProcessFacts
  ) -> ListenerSettings? {
    guard let path = source.text("\(key).path") else {
      source.refuse(key, "path is missing")
      return nil
    }
    var scope: Set<ListenerSettings.Scope> = []
    for name in source.list("\(key).scope") ?? ["market"] {
      guard let known = ListenerSettings.Scope(rawValue: name.lowercased()) else {
        source.refuse("\(key).scope", value: name, "allowed are market, account, trade")
        continue
      }
      scope.insert(known)
    }
    var listener = ListenerSettings(path: path, mode: 0o666, group: nil, scope: scope, preset: .none)
    if listener.carriesAccount { listener.mode = 0o600 }
    if let text = source.text("\(key).mode") {
      if let mode = UInt32(text.hasPrefix("0o") ? String(text.dropFirst(2)) : text, radix: 8), mode <= 0o777 {
        listener.mode = mode
      } else {
        source.refuse("\(key).mode", "allowed is an octal mode from 0000 to 0777, such as \"0660\"")
      }
    }
    if let group = source.text("\(key).group") {
      if UInt32(group) == nil, facts.groupID(group) == nil {
        source.refuse("\(key).group", "there is no such group")
      }
      listener.group = group
    }
    if let preset = source.text("\(key).preset") {
      switch preset.lowercased() {
      case "none": listener.preset = .none
      case "all": listener.preset = .everything
      default: source.refuse("\(key).preset", "allowed is none, all, or a list like subscriptions")
      }
    } else {
      let topics = source.subscriptions("\(key).preset", of: account)
      if !topics.isEmpty { listener.preset = .topics(topics) }
    }
    listener.allowedUIDs = source.ids("\(key).allow-uids")
    listener.allowedGIDs = source.ids("\(key).allow-gids")
    listener.lagBytes = source.integer(
      "\(key).lag-bytes", in: 4096...limits.ringBytes, unit: "bytes (limits.ring-bytes)")
    listener.lag = source.seconds("\(key).lag-seconds", in: 0.1...86400)
    return listener
  }
}
