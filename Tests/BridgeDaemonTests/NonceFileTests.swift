// Numbers that only rise: within a process, over restarts, whatever the clock does, and when the file is damaged.

import Glibc
import Testing

@testable import BridgeDaemon

struct NonceFileTests {
  private let directory: ScratchDirectory
  private let noon: Int64 = 1_791_506_061_000_000_000

  init() throws { directory = try ScratchDirectory() }

  private func open() -> NonceFile { NonceFile.open(directory: directory.path).file }

  @Test func itIsTheTimeUnlessThatWouldNotRise() {
    var nonces = open()
    #expect(nonces.next(wall: noon).nonce == UInt64(noon))
    #expect(nonces.next(wall: noon).nonce == UInt64(noon) + 1)
    #expect(nonces.next(wall: noon - 3_600_000_000_000).nonce == UInt64(noon) + 2)
    #expect(nonces.next(wall: .min).nonce == UInt64(noon) + 3)
    #expect(nonces.next(wall: noon + 1000).nonce == UInt64(noon) + 1000)
  }

  /// Any mixture of steps of the clock and restarts, drawn from a seed.
  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func itRisesOverRestartsAndSteps(seed: UInt64) {
    var state = seed
    func draw(_ below: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % below
    }
    var wall = noon
    var last: UInt64 = 0
    var nonces = open()
    for _ in 0..<300 {
      switch draw(10) {
      case 0: nonces = open()
      case 1: wall -= Int64(draw(86_400)) * 1_000_000_000
      case 2: wall += Int64(draw(86_400)) * 1_000_000_000
      case 3: nonces.leapAhead()
      default: wall += Int64(draw(1_000_000_000))
      }
      let (nonce, fault) = nonces.next(wall: wall)
      #expect(nonce > last)
      #expect(fault == nil)
      last = nonce
    }
  }

  @Test func theFileIsWrittenAheadAndNotEveryTime() throws {
    var nonces = open()
    _ = nonces.next(wall: noon)
    let first = FileSystem.read(directory("nonce"), bytesMax: 100)
    guard case .contents(let bytes) = first else {
      Issue.record("there is no file")
      return
    }
    #expect(String(decoding: bytes, as: UTF8.self) == "\(UInt64(noon) + NonceFile.step)\n")
    unlink(directory("nonce"))
    _ = nonces.next(wall: noon + 1)
    #expect(access(directory("nonce"), F_OK) != 0)
    _ = nonces.next(wall: noon + Int64(NonceFile.step) + 1)
    #expect(access(directory("nonce"), F_OK) == 0)
    #expect(try status(directory("nonce")).st_mode & 0o777 == 0o600)
  }

  private func status(_ path: String) throws -> stat {
    var status = stat()
    try #require(stat(path, &status) == 0)
    return status
  }

  @Test(arguments: ["rubbish", "-5", "18446744073709551615", "99999999999999999999"])
  func damageIsToldAndCostsNothing(text: String) {
    directory.write("nonce", text)
    var (nonces, fault) = NonceFile.open(directory: directory.path)
    #expect(fault == "\(directory("nonce")) is damaged")
    #expect(nonces.next(wall: noon).nonce == UInt64(noon))
    #expect(NonceFile.open(directory: directory.path).fault == nil)
  }

  @Test func withoutAFileItGoesOn() {
    directory.write("blocked", "")
    var (nonces, fault) = NonceFile.open(directory: directory("blocked") + "/below")
    #expect(fault?.hasPrefix("cannot read ") == true)
    let first = nonces.next(wall: noon)
    #expect(first.nonce == UInt64(noon) && first.fault?.hasPrefix("cannot make the directory ") == true)
    #expect(nonces.next(wall: noon).nonce == UInt64(noon) + 1)
  }
}
