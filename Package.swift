// swift-tools-version: 6.2
// Targets stand in the order of their imports: one may import only those above it. `Tests/Tidy` enforces it.
import PackageDescription

let common: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
  .treatAllWarnings(as: .error),
  // Bugs that tests can plant, to show that each campaign would find them: never in a released binary.
  .define("PLANTED_BUGS", .when(configuration: .debug)),
]
let sources = common + [.strictMemorySafety()]

let package = Package(
  name: "millrace",
  products: [.executable(name: "millrace", targets: ["millrace"])],
  targets: [
    // C libraries of the system: a module map and a header, no logic.
    .systemLibrary(name: "CCrypto"),
    .systemLibrary(name: "CCurl"),
    .systemLibrary(name: "CKafka"),
    .systemLibrary(name: "CLZ4"),
    .systemLibrary(name: "CMicroHTTPD"),
    .systemLibrary(name: "CPlatform"),
    .systemLibrary(name: "CYAML"),
    .systemLibrary(name: "CZlib"),

    // Bytes <-> values: Avro, record batches, JSON, WebSocket frames, decimal text. No I/O.
    .target(name: "Codecs", dependencies: ["CCrypto", "CLZ4", "CPlatform", "CZlib"], swiftSettings: sources),
    // The machine: clock, threads, reactor, bounded queues, metrics, limits, logging. Nothing about markets.
    .target(name: "Core", dependencies: ["CPlatform", "Codecs"], swiftSettings: sources),
    // The vocabulary: Price, Tick, Candle ...; topics; schemas; their bytes and their JSON.
    .target(name: "Events", dependencies: ["Codecs"], swiftSettings: sources),
    // The outside world in: a pure mapper per venue, recordings, synthetic markets, HTTP ingest.
    .target(name: "Feeds", dependencies: ["Codecs", "Core", "Events"], swiftSettings: sources),
    // The EventLog port and the embedded segmented log.
    .target(name: "Log", dependencies: ["CPlatform", "Codecs", "Core", "Events"], swiftSettings: sources),
    // The same port on Apache Kafka, through librdkafka.
    .target(
      name: "LogKafka", dependencies: ["CKafka", "Codecs", "Core", "Events", "Log"], swiftSettings: sources),
    // The fold engine: tasks, checkpoints, recovery, dead letters, verify.
    .target(name: "Processors", dependencies: ["Codecs", "Events", "Log"], swiftSettings: sources),
    // The market logic: latest price, candles; queries with positions.
    .target(name: "Projections", dependencies: ["Codecs", "Events", "Processors"], swiftSettings: sources),
    // The schema registry's client: which ids the topics' schemas have there.
    .target(name: "Registry", dependencies: ["CCurl", "Codecs", "Core"], swiftSettings: sources),
    // The edge: REST, WebSocket fan-out, replay sessions, the page.
    .target(
      name: "Web",
      dependencies: [
        "CMicroHTTPD", "CPlatform", "Codecs", "Core", "Events", "Feeds", "Log", "Processors", "Projections",
      ],
      resources: [.embedInCode("Resources")], swiftSettings: sources),
    // The composition root: topology file, runtime, commands.
    .target(
      name: "Wiring",
      dependencies: [
        "CPlatform", "CYAML", "Codecs", "Core", "Events", "Feeds", "Log", "LogKafka", "Processors", "Projections",
        "Registry", "Web",
      ],
      swiftSettings: sources),
    .executableTarget(name: "millrace", dependencies: ["Wiring"], swiftSettings: sources),

    // What the fault campaigns kill, starve and damage: the real log under a scripted run, and the check afterwards.
    .executableTarget(
      name: "log-victim", dependencies: ["Codecs", "Core", "Events", "Kit", "Log", "Processors", "Projections"],
      path: "Tests/Faults/LogVictim", swiftSettings: common),

    // The parsers of what is stored, for arbitrary bytes: fuzzed by `make fuzz`, with the corpus replayed as a suite.
    .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzz/CLibFuzzer"),
    .target(
      name: "FuzzTargets", dependencies: ["Codecs", "Events", "Log", "Processors", "Projections"],
      path: "Tests/Fuzz/Targets", swiftSettings: common),
    .executableTarget(
      name: "log-fuzz", dependencies: ["CLibFuzzer", "FuzzTargets", "Kit"], path: "Tests/Fuzz/LogFuzz",
      swiftSettings: common),
    .testTarget(
      name: "FuzzTests", dependencies: ["FuzzTargets", "Kit"], path: "Tests/Fuzz/Suite", swiftSettings: common),

    // What makes Swift's mutex visible to the thread sanitizer; empty in every other build.
    .target(name: "Sanitizers", path: "Tests/Sanitizers"),
    // Seeded random, manual clock, temporary directories: what the suites share.
    .target(name: "Kit", dependencies: ["Codecs", "Events", "Sanitizers"], path: "Tests/Kit", swiftSettings: common),
    // What every EventLog must do, and the batches that its tests are made of.
    .target(
      name: "PortKit", dependencies: ["Codecs", "Core", "Kit", "Log"], path: "Tests/Port", swiftSettings: common),
    .testTarget(name: "CodecsTests", dependencies: ["Codecs", "Kit"], path: "Tests/Codecs", swiftSettings: common),
    .testTarget(name: "CoreTests", dependencies: ["Core", "Kit"], path: "Tests/Core", swiftSettings: common),
    .testTarget(
      name: "EventsTests", dependencies: ["Codecs", "Events", "Kit"], path: "Tests/Events", swiftSettings: common),
    .testTarget(
      name: "FeedsTests", dependencies: ["Codecs", "Core", "Events", "Feeds", "Kit"], path: "Tests/Feeds",
      resources: [.copy("Fixtures")], swiftSettings: common),
    .testTarget(
      name: "LogTests", dependencies: ["CPlatform", "Codecs", "Core", "Events", "Log", "Kit", "PortKit"],
      path: "Tests/Log", swiftSettings: common),
    .testTarget(
      name: "LogKafkaTests",
      dependencies: [
        "CKafka", "Codecs", "Core", "Events", "Feeds", "Log", "LogKafka", "Processors", "Projections", "Kit", "PortKit",
      ],
      path: "Tests/LogKafka",
      exclude: ["with-broker"], swiftSettings: common),
    .testTarget(
      name: "ProcessorsTests", dependencies: ["Codecs", "Events", "Log", "Processors", "Kit"],
      path: "Tests/Processors", swiftSettings: common),
    .testTarget(
      name: "ProjectionsTests",
      dependencies: ["Codecs", "Events", "Log", "Processors", "Projections", "Kit", "PortKit"],
      path: "Tests/Projections", swiftSettings: common),
    .testTarget(
      name: "RegistryTests", dependencies: ["Codecs", "Core", "Kit", "Registry"], path: "Tests/Registry",
      swiftSettings: common),
    .testTarget(
      name: "WebTests",
      dependencies: ["CYAML", "Codecs", "Core", "Events", "Feeds", "Log", "Projections", "Web", "Kit"],
      path: "Tests/Web", swiftSettings: common),
    .testTarget(
      name: "WiringTests",
      dependencies: ["Codecs", "Core", "Events", "Log", "LogKafka", "Web", "Wiring", "Kit", "PortKit"],
      path: "Tests/Wiring",
      swiftSettings: common),
    // The simulator: the real log, processors and checkpoints over a simulated disk, clock and scheduler.
    .target(
      name: "Sim", dependencies: ["Codecs", "Core", "Events", "Log", "Processors", "Projections", "Kit"],
      path: "Tests/Sim/World", swiftSettings: common),
    .executableTarget(
      name: "simulate", dependencies: ["Core", "Sim"], path: "Tests/Sim/Command", swiftSettings: common),
    .testTarget(name: "SimTests", dependencies: ["Log", "Sim"], path: "Tests/Sim/Suite", swiftSettings: common),
    .testTarget(name: "TidyTests", path: "Tests/Tidy", swiftSettings: common),
  ]
)
