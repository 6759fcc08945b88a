// `doctor`: looks at what usually goes wrong and says how to mend it.

import ArgumentParser

struct DoctorCommand: ControlCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check what usually goes wrong, and say how to mend it.",
    discussion: """
      Looks at the daemon, the socket's permissions, the upstreams, the connection budget, file descriptors, the systemd \
      unit, the configuration, and the way to Kraken (with curl): DNS, TLS, REST and the clock. Ends with 69 when \
      something is broken; warnings alone are no failure.
      """)

  @Flag(inversion: .prefixedNo, help: "Check the way to Kraken too.")
  var network = true

  @OptionGroup var options: GlobalOptions

  func execute(on console: Console) async throws {
    let style = options.style(on: console)
    let format = options.format(on: console)
    if format == .csv { try console.write(line: "check,verdict,detail,advice") }
    let findings = try await Examination(address: options.address(on: console), checksNetwork: network).examine { finding in
      switch format {
      case .json: try console.write(line: finding.json.bytes)
      case .csv: try console.write(line: Table.csvLine(finding.json.members.map(\.value.plainText)))
      case .table: for line in finding.lines(style) { try console.write(line: line) }
      }
    }
    if findings.contains(where: { $0.verdict == .bad }) { throw ExitCode(ExitStatus.unavailable.rawValue) }
  }
}
