// swift-tools-version: 6.2
// The fuzzers, apart from the main package because all of it is built with coverage counters. Sources are links to the
// real ones; of the daemon only the WebSocket path is here, so that neither TLS nor configuration has to be built.

import PackageDescription

let package = Package(
  name: "kraken-bridge-fuzzing",
  dependencies: [.package(url: "https://github.com/apple/swift-nio", from: "2.101.2")],
  targets: [
    .target(name: "MarketData"),
    .target(name: "JSONText"),
    .target(name: "KrakenWire", dependencies: ["MarketData", "JSONText"]),
    .target(name: "KrakenSession", dependencies: ["MarketData", "JSONText", "KrakenWire"]),
    .target(name: "FanOut", dependencies: ["MarketData"]),
    .target(name: "BridgeWire", dependencies: ["JSONText"]),
    .target(name: "Trading", dependencies: ["MarketData", "JSONText", "BridgeWire", "KrakenWire"]),
    .target(
      name: "BridgeCore",
      dependencies: ["MarketData", "JSONText", "KrakenWire", "KrakenSession", "FanOut", "BridgeWire", "Trading"]),
    .target(
      name: "BridgeDaemon",
      dependencies: [.product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOWebSocket", package: "swift-nio")]),
    .target(
      name: "FuzzTargets",
      dependencies: [
        "MarketData", "JSONText", "KrakenSession", "FanOut", "BridgeCore", "BridgeDaemon",
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOWebSocket", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
      ],
      path: "Targets", exclude: ["FuzzingTests.swift"]),
    .target(name: "CLibFuzzer"),
    .executableTarget(name: "kraken-fuzz", dependencies: ["FuzzTargets", "CLibFuzzer"], path: "Fuzzer"),
  ],
  swiftLanguageModes: [.v6]
)
