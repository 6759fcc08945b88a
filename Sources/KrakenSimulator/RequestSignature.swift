// How a REST request is signed. The model asks for it; the hashing is swift-crypto's. Base64 is written out here, so
// that a daemon which carries the simulator does not carry Foundation.

import Crypto

enum RequestSignature {
  /// Base64 of HMAC-SHA512 over the path and SHA-256 of nonce and body; nil if the secret is not Base64.
  static func of(secret: String, path: String, nonce: String, body: [UInt8]) -> String? {
    guard let key = decode(base64: secret) else { return nil }
    let digest = SHA256.hash(data: Array(nonce.utf8) + body)
    let code = HMAC<SHA512>.authenticationCode(
      for: Array(path.utf8) + Array(digest), using: SymmetricKey(data: key))
    return encode(base64: Array(code))
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let padding = UInt8(ascii: "=")

  static func encode(base64 bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
      for place in 0..<4 {
        text.append(place <= group.count ? alphabet[Int(bits >> 18 & 63)] : padding)
        bits <<= 6
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  static func decode(base64 text: String) -> [UInt8]? {
    let characters = Array(text.utf8)
    guard characters.count % 4 == 0 else { return nil }
    let padded = characters.reversed().prefix { $0 == padding }.count
    guard padded <= 2 else { return nil }
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    for (index, character) in characters.dropLast(padded).enumerated() {
      guard let value = alphabet.firstIndex(of: character) else { return nil }
      bits = bits << 6 | UInt32(value)
      if index % 4 > 0 { bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(6 - 2 * (index % 4)))) }
    }
    return bytes
  }
}
