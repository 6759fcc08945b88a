// How a simulated exchange is served.

public import SimulatedExchange

public struct SimulatorConfiguration: Sendable {
  /// A certificate chain and its key, PEM files; the server then speaks wss and https.
  public struct TLSFiles: Sendable {
    public var certificate: String
    public var key: String

    public init(certificate: String, key: String) {
      self.certificate = certificate
      self.key = key
    }
  }

  public var exchange = ExchangeConfiguration()
  public var seed: UInt64 = 1
  /// An address of this machine; loopback unless told otherwise.
  public var host = "127.0.0.1"
  /// 0 takes any free port.
  public var port = 0
  public var tls: TLSFiles?
  /// A Unix socket that takes commands, one a line.
  public var controlSocketPath: String?
  /// Counted from the start of the server.
  public var faults: [ScheduledFault] = []

  public init() {}

  /// Settings and faults as a scenario file gives them.
  public init(scenario: Scenario) {
    exchange = scenario.exchange
    seed = scenario.seed ?? seed
    faults = scenario.faults
  }
}
