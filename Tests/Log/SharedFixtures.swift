// The suites' batches and readers, for all files of this target.

@_exported import PortKit
