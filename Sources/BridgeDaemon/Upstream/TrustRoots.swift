// Whom the bridge believes to be Kraken: the system's certificate authorities, plus those of --ca-file.
// Verification is always full; there is no way to switch it off.

import NIOSSL

/// What TLS connections are made with. Made when first needed: reading the system's trust roots would delay the start.
final class TrustedContext {
  private var caFile: String?
  private var made: NIOSSLContext?

  init(caFile: String?) { self.caFile = caFile }

  /// Takes another file, or the same one anew, for the connections from now on.
  func use(caFile: String?) {
    self.caFile = caFile
    made = nil
  }

  func context() throws -> NIOSSLContext {
    if let made { return made }
    let context = try TrustRoots.context(caFile: caFile)
    made = context
    return context
  }
}

enum TrustRoots {
  static func context(caFile: String?) throws -> NIOSSLContext {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    configuration.certificateVerification = .fullVerification
    if let caFile {
      configuration.additionalTrustRoots = [.certificates(try NIOSSLCertificate.fromPEMFile(caFile))]
    }
    return try NIOSSLContext(configuration: configuration)
  }

  /// What is wrong with a file of extra roots, or nil.
  static func fault(in caFile: String) -> String? {
    do {
      return try NIOSSLCertificate.fromPEMFile(caFile).isEmpty ? "there is no certificate in it" : nil
    } catch {
      return "no certificates can be read from it"
    }
  }
}
