// What the bridge costs inside one process, without TLS, WebSocket frames and event loop. Each command does one piece
// of work that a program in Tests/Benchmarks/inprocess does too, and prints what it used as one JSON object, so that
// two numbers taken in one sitting can be compared. It is built from the pure targets alone and so builds quickly.

import Glibc

@main
struct KrakenBench {
  static let usage = """
    usage: kraken-bench fan-out --readers R --lines-per-turn L --lines N [--filtered]
             N lines through the fan-out into the Unix sockets of R readers; with --filtered
             each line concerns one reader of the R.
           kraken-bench normalize --channel NAME [--messages N] [--recorded FILE] [--readers R]
                                  [--messages-per-turn M] [--steady]
             N of Kraken's messages (default 10000) read, applied, verified and written as
             lines; after every M of them (default 16) a turn ends, and R readers (default 0)
             are handed the lines at no cost of their own. With --steady everything is played
             once before, and only the second half of them is measured the second time.
           kraken-bench normalize --channel NAME [--messages N] --write FILE
             The same messages, one a line, for other programs.

    Channels: \(MessageSet.channels.joined(separator: ", ")).
    --recorded takes the messages from a file, one a line, beginning with a snapshot.
    The result is one JSON object: units (lines delivered, or messages read), bytes,
    cpu_s, wall_s, rss_kib, and more. Exit status 64 for a wrong command line, 1 for a failure.
    """

  static func main() {
    do throws(BenchmarkFault) {
      var options = Options(CommandLine.arguments.dropFirst())
      switch options.command {
      case "fan-out": print(try FanOutBenchmark(&options).run())
      case "normalize":
        if let report = try NormalizeBenchmark(&options).run() { print(report) }
      case "--help", "-h", "help": print(usage)
      default: throw .usage(options.command.map { "no command \($0)" } ?? "no command")
      }
    } catch {
      switch error {
      case .usage(let why):
        complain("\(why)\n\(usage)")
        exit(64)
      case .failed(let why):
        complain(why)
        exit(1)
      }
    }
  }

  private static func complain(_ why: String) {
    let text = Array("kraken-bench: \(why)\n".utf8)
    _ = write(STDERR_FILENO, text, text.count)
  }
}

enum BenchmarkFault: Error {
  case usage(String)
  case failed(String)
}
