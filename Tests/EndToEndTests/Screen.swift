// A real terminal (tmux) for a test: what runs in it, its size, the keys pressed, and what is to be seen.

import Foundation

final class Screen {
  static let isAvailable = FileManager.default.isExecutableFile(atPath: "/usr/bin/tmux")

  private let server = "kb-" + UUID().uuidString.prefix(8)
  private var serverID: Int32 = 0

  /// - Parameter command: what runs in it, for `sh`.
  init(_ command: String, columns: Int, rows: Int) throws {
    try tmux("-f", "/dev/null", "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", "-s", "s", command)
    serverID = try tmux("display-message", "-p", "#{pid}").first.flatMap { Int32($0) } ?? 0
  }

  deinit {
    _ = try? tmux("kill-server")
    // It was started by a thread that blocks signals, and so never hears that its programs have ended.
    if serverID > 1 { kill(serverID, SIGKILL) }
  }

  @discardableResult
  private func tmux(_ arguments: String...) throws -> [String] {
    let child = try Child("/usr/bin/tmux", ["-u", "-L", String(server)] + arguments, environment: ["TMUX": "", "LC_ALL": "C.UTF-8"])
    let lines = try child.output.rest()
    // The first one leaves a server behind, until whose end Foundation takes it for running.
    guard try arguments.contains("new-session") || child.wait() == 0 else { throw Overdue(description: try child.errors.rest().joined(separator: " ")) }
    return lines
  }

  func resize(columns: Int, rows: Int) throws { try tmux("resize-window", "-t", "s", "-x", "\(columns)", "-y", "\(rows)") }
  /// Keys by tmux's names (`Tab`, `C-c`), or text.
  func press(_ keys: String...) throws {
    for key in keys { try tmux("send-keys", "-t", "s", key) }
  }
  func rows() throws -> [String] { try tmux("capture-pane", "-p", "-t", "s") }

  /// Waits until the screen is as described.
  @discardableResult
  func wait(_ what: String, until isRight: ([String]) -> Bool) throws -> [String] {
    let deadline = Date(timeIntervalSinceNow: patience)
    var seen: [String] = []
    while Date() < deadline {
      seen = try rows()
      if isRight(seen) { return seen }
      usleep(200_000)
    }
    throw Overdue(description: "the screen is not \(what):\n" + seen.joined(separator: "\n"))
  }
}
