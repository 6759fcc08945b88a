// Kraken's signature of a private REST call:
//
//   base64( HMAC-SHA512( secret, path || SHA256( nonce || body ) ) )
//
// over the very bytes of the body that is sent, and the path without host and query.

import Crypto
import KrakenWire

enum RequestSignature {
  /// - Parameters:
  ///   - nonce: in decimal, exactly as it stands in the body.
  ///   - secret: decoded from Base64.
  /// - Returns: the value of the header API-Sign.
  static func sign(path: String, nonce: String, body: String, secret: Secret) -> String {
    var digest = SHA256()
    digest.update(data: Array(nonce.utf8))
    digest.update(data: Array(body.utf8))
    // The library wipes its copy of the key.
    var code = HMAC<SHA512>(key: secret.withUnsafeBytes { SymmetricKey(data: $0) })
    code.update(data: Array(path.utf8) + Array(digest.finalize()))
    return Base64.encode(Array(code.finalize()))
  }
}
