// A new configuration without a restart: checked as a whole before anything of it counts, and taken over without
// ending any reader's connection. What the running bridge is built around waits for the next start, and a warning
// says so.

import BridgeCore
import KrakenSession
import Logging
import MarketData
import SystemdNotify

extension DaemonLoop {
  /// Reads the configuration again. All or nothing.
  /// - Returns: why it was refused, or nil.
  func reload() -> String? {
    notify([.reloading(monotonicMicroseconds: ServiceManager.monotonicMicroseconds)])
    let error = takeNewSettings()
    if let error {
      logger.error(
        "the new configuration is refused, the old one stays: \(error)",
        metadata: [LogFormat.eventField: "\(LogRecord.Event.configurationRefused.rawValue)"])
    } else {
      logger.notice("the configuration was reloaded")
    }
    lastStatus = bridge.statusLine(now: SystemClock.now)
    notify([.ready, .status(lastStatus)])
    return error
  }

  private func takeNewSettings() -> String? {
    var next: Settings
    let credentials: Credentials?
    do throws(InvalidSettings) {
      next = try reread()
    } catch {
      return error.description
    }
    do throws(CredentialFault) {
      credentials = try Credentials.read(next.credentials)
    } catch {
      return error.message
    }
    if let fault = takeListeners(next.listeners) { return fault }

    // Nothing below can fail.
    logger = makeLogger(next.log)
    for warning in next.warnings { logger.warning("\(warning)") }
    keepWhatNeedsRestart(in: &next)
    let before = settings.upstream
    settings = next
    let now = SystemClock.now
    bridge.reconfigure(
      settings.bridgeConfiguration(
        listeners: listeners.map(\.settings), version: version, pid: processID, ownUID: userID,
        saved: bridge.savedState),
      now: now)
    leaveOldEndpoints(before, now: now)
    use(credentials)
    scheduleTurn()
    return nil
  }

  // MARK: Listeners

  /// Opens, changes and closes listeners; readers stay, whichever they came through.
  /// - Returns: why all is as before, or nil.
  private func takeListeners(_ next: [ListenerSettings]) -> String? {
    let active = listeners.filter { !$0.isStopped }
    let known = Set(active.map(\.settings.path))
    var opened: [Listener] = []
    var changed: [(listener: Listener, before: ListenerSettings)] = []
    func undo(_ fault: String) -> String {
      for listener in opened { listener.abandon() }
      for (listener, before) in changed { _ = listener.update(before) }
      return fault
    }
    for settings in next where !known.contains(settings.path) {
      do throws(ListenError) {
        let socket = try settings.open(passed: [])
        opened.append(Listener(socket: socket, settings: settings, index: listeners.count + opened.count))
      } catch {
        return undo(error.description)
      }
    }
    for listener in active {
      guard let settings = next.first(where: { $0.path == listener.settings.path }) else { continue }
      changed.append((listener, listener.settings))
      if let fault = listener.update(settings) { return undo(fault) }
    }
    let kept = Set(next.map(\.path))
    for listener in active where !kept.contains(listener.settings.path) {
      listener.stop()
      logger.notice("no longer listening on \(listener.settings.path)")
    }
    listeners += opened
    for listener in opened { _ = startListener(listener) }
    storeListeners()
    return nil
  }

  // MARK: Kraken's endpoints

  /// Ends connections to addresses that are not configured any more, or that were trusted by another file; the bridge
  /// makes new ones.
  private func leaveOldEndpoints(_ before: UpstreamSettings, now: Moment) {
    let next = settings.upstream
    rest.endpoint = next.restEndpoint
    // The same file may have another content.
    trust.use(caFile: next.caFile)
    for (name, transport) in upstreams
    where next.endpoint(name) != before.endpoint(name) || next.caFile != before.caFile {
      let why = "the configuration has changed"
      closeUpstream(name, code: 1000, why: "")
      if transport.isOpen {
        bridge.upstreamClosed(name, code: nil, reason: why, now: now)
      } else {
        bridge.upstreamFailed(name, .connect(why), now: now)
      }
    }
  }

  // MARK: What stays

  /// Puts back what the running bridge is built around, and says what was not taken.
  private func keepWhatNeedsRestart(in next: inout Settings) {
    var kept: [String] = []
    func keep<Value: Equatable>(_ path: WritableKeyPath<Settings, Value>, _ key: String) {
      guard next[keyPath: path] != settings[keyPath: path] else { return }
      next[keyPath: path] = settings[keyPath: path]
      kept.append(key)
    }
    keep(\.limits.ringBytes, "limits.ring-bytes")
    keep(\.silence, "silence")
    keep(\.stateDirectory, "state-dir")
    keep(\.simulation, "simulate")
    if !kept.isEmpty { logger.warning("changes of \(kept.joined(separator: ", ")) take effect at the next start") }
  }
}
