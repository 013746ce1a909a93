// log-fuzz: libFuzzer over one of the targets, or the inputs that it begins with.
//
//     log-fuzz seeds DIRECTORY              writes what is right, a file each, into DIRECTORY/<target>/
//     log-fuzz TARGET [libFuzzer's words]   only in the build of `make fuzz`

import FuzzTargets
import Glibc
import Kit

#if FUZZING
  import CLibFuzzer
#endif

/// What the callback uses; libFuzzer calls it on the one thread that it has.
nonisolated(unsafe) private var target = FuzzTarget.batch
nonisolated(unsafe) private var stored: StoredLog?

let words = CommandLine.arguments
guard words.count > 1 else {
  print("log-fuzz \(FuzzTarget.allCases.map(\.rawValue).joined(separator: " | ")) | seeds DIRECTORY")
  exit(64)
}
let log = try StoredLog()
stored = log
if words[1] == "seeds", words.count == 3 {
  mkdir(words[2], 0o755)
  for target in FuzzTarget.allCases {
    mkdir("\(words[2])/\(target.rawValue)", 0o755)
    for (index, seed) in target.seeds(log).enumerated() {
      TestFile.write(seed, to: "\(words[2])/\(target.rawValue)/seed-\(index)")
    }
  }
  exit(0)
}
guard let named = FuzzTarget(rawValue: words[1]) else {
  print("no target \(words[1])")
  exit(64)
}
target = named
#if FUZZING
  var count = Int32(words.count - 1)
  var pointers = ([words[0]] + words.dropFirst(2)).map { strdup($0) } + [nil]
  let status = pointers.withUnsafeMutableBufferPointer { buffer -> Int32 in
    var start = buffer.baseAddress
    return withUnsafeMutablePointer(to: &start) { place in
      place.withMemoryRebound(to: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.self, capacity: 1) { argv in
        LLVMFuzzerRunDriver(&count, argv) { bytes, count in
          if let stored { target.run(Array(UnsafeBufferPointer(start: bytes, count: count)), in: stored) }
          return 0
        }
      }
    }
  }
  exit(status)
#else
  print("this build has no libFuzzer: make fuzz")
  exit(69)
#endif
