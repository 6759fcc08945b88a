// Stands in for the daemon's own, which needs TLS and sockets: the words for an error are not what is fuzzed.

enum TransportFault {
  static func describe(_ error: any Error) -> String { "\(error)" }
}
