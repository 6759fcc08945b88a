// The fuzzers' targets over their corpus and over seeded damage to it: the same inputs each time, a few seconds.
// scripts/fuzz runs the same targets for as long as one likes, guided by coverage and under an address sanitizer.

import Foundation
import Testing

struct FuzzingTests {
  private static let mutationsPerTarget = ["json": 2000, "kraken": 80, "requests": 150, "websocket": 1500]

  private static func corpus(_ target: FuzzTarget) throws -> [(name: String, input: [UInt8])] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Corpus/\(target.name)")
    return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
      .map { ($0.lastPathComponent, try [UInt8](Data(contentsOf: $0))) }
  }

  @Test(arguments: FuzzTarget.all.map(\.name))
  func corpusAndMutations(_ name: String) throws {
    let target = try #require(FuzzTarget.all.first { $0.name == name })
    let corpus = try Self.corpus(target)
    try #require(corpus.count >= 5)
    for (file, input) in corpus {
      do { try target.run(input) } catch { Issue.record("\(name)/\(file): \(error)") }
    }
    let count = try #require(Self.mutationsPerTarget[name])
    for seed in 1...UInt64(count) {
      var mutation = Mutation(seed: seed, corpus: corpus.map(\.input))
      let input = mutation.next()
      do { try target.run(input) } catch {
        Issue.record("\(name), seed \(seed): \(error)\n\(String(decoding: input.prefix(2000), as: UTF8.self))")
        return
      }
    }
  }

  /// The fuzzers are a package of their own, which nothing builds but scripts/fuzz: what it compiles must be in it.
  @Test func theFuzzersPackageHasWhatItImports() throws {
    let fuzzing = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let sources = fuzzing.deletingLastPathComponent().deletingLastPathComponent().appending(path: "Sources")
    let ours = Set(try FileManager.default.contentsOfDirectory(atPath: sources.path))
    let manifest = try String(contentsOf: fuzzing.appending(path: "Package.swift"), encoding: .utf8)
    let linked = try FileManager.default.contentsOfDirectory(atPath: fuzzing.appending(path: "Sources").path)
    var imports: Set<String> = []
    for module in linked + [""] {
      let folder = fuzzing.appending(path: module.isEmpty ? "Targets" : "Sources/\(module)").resolvingSymlinksInPath()
      for file in try FileManager.default.subpathsOfDirectory(atPath: folder.path) where file.hasSuffix(".swift") {
        let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
        for line in text.split(separator: "\n") where line.contains("import ") {
          imports.insert(String(line.split(separator: " ").last!))
        }
      }
    }
    let needed = imports.intersection(ours)
    #expect(needed.count > 5)
    #expect(needed.subtracting(linked).isEmpty)
    for module in needed { #expect(manifest.contains("name: \"\(module)\""), "\(module)") }
  }

  /// A target that accepts anything would find nothing.
  @Test func targetsNoticeWhatIsWrong() {
    #expect(throws: BrokenRule.self) { try require(false, "a rule") }
    var mutation = Mutation(seed: 1, corpus: [Array("{\"a\":[1,2]}".utf8)])
    var again = Mutation(seed: 1, corpus: [Array("{\"a\":[1,2]}".utf8)])
    let inputs = (0..<200).map { _ in mutation.next() }
    #expect(inputs == (0..<200).map { _ in again.next() })
    #expect(Set(inputs).count > 100)
  }
}
