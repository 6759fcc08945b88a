// Whom the bridge believes to be Kraken: the system's certificate authorities, plus those of --ca-file.
// Verification is always full; there is no way to switch it off.

import NIOSSL

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
