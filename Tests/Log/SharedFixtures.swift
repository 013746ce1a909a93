// The suites' batches and readers, for all files of this target.

import Kit
@_exported import PortKit

/// A directory in memory, where there is one: for tests that open a log thousands of times.
let fastDirectory: String? = TestFile.exists("/dev/shm") ? "/dev/shm" : nil
