// Completions as people have them: the generated scripts in real shells, asked by pressing Tab in a terminal.

import Foundation
import Testing

@Suite(.serialized, .enabled(if: Screen.isAvailable, "tmux is not installed"))
struct CompletionTests {
  enum Shell: String, CaseIterable {
    case bash, zsh, fish

    static let installed = allCases.filter { FileManager.default.isExecutableFile(atPath: "/usr/bin/\($0.rawValue)") }

    /// Without anybody's configuration.
    var command: String {
      switch self {
      case .bash: "bash --norc --noprofile -i"
      case .zsh: "zsh -f -i"
      case .fish: "fish --no-config -i"
      }
    }

    func load(_ folder: URL) -> String {
      switch self {
      case .bash, .fish: "source \(folder.path)/_kraken-ctl"
      case .zsh: "fpath=(\(folder.path) $fpath); autoload -Uz compinit; compinit -u -D"
      }
    }
  }

  @Test(arguments: Shell.installed) func tabCompletesVerbsValuesAndSymbols(_ shell: Shell) throws {
    let world = try World(exchange: ["--symbols", "3"])
    try world.waitUntilOnline()
    // Two pairs are carried: what is offered for a symbol comes from the running daemon.
    let reader = try world.reader()
    reader.send("subscribe ticker BTC/USD ETH/USD")
    for _ in 0..<2 { try reader.first(channel: "ticker", type: "snapshot") }
    let script = try Child("kraken-ctl", ["--generate-completion-script", shell.rawValue])
    let text = try script.output.rest().joined(separator: "\n")
    try Data(text.utf8).write(to: world.folder.appending(path: "_kraken-ctl"))

    let screen = try Screen(
      "PATH=\(Programs.folder.path):$PATH KRAKEN_BRIDGE_SOCKET=\(world.socket) HOME=\(world.folder.path) exec \(shell.command)",
      columns: 120, rows: 30)
    func shows(_ text: String) -> ([String]) -> Bool { { $0.contains { $0.contains(text) } } }
    // Written so that the command line itself is not the answer.
    try screen.press(shell.load(world.folder) + "; echo com''plete", "Enter")
    try screen.wait("ready", until: shows("complete"))
    try screen.press("kraken-ctl sta", "Tab")
    try screen.wait("the verb completed", until: shows("kraken-ctl status"))
    try screen.press("C-u", "kraken-ctl watch --format t", "Tab")
    try screen.wait("the value completed", until: shows("--format table"))
    try screen.press("C-u", "kraken-ctl book ET", "Tab")
    try screen.wait("the symbol completed", until: shows("kraken-ctl book ETH/USD"))
    // Offered whole, not only what stands behind the slash.
    try screen.press("C-u", "kraken-ctl chart ", "Tab", "Tab")
    try screen.wait("the symbols offered") { rows in rows.contains { $0.contains("BTC/USD") && $0.contains("ETH/USD") } }
  }
}
