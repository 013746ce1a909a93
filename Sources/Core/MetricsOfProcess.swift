// What the kernel knows about this process, under the names that every Prometheus client library uses.

internal import CPlatform

extension Metrics {
  /// Registers memory, descriptors, processor time and start time of this process.
  package func registerProcess(clock: some Clock = SystemClock()) {
    let startNanos = clock.wallNanos()
    gauge("process_start_time_seconds", help: "Start of the process, in seconds since 1970.") {
      Double(startNanos / 1_000_000_000)
    }
    gauge("process_resident_memory_bytes", help: "Resident memory.") {
      Double(ProcessReading.residentPages() * ProcessReading.pageBytes())
    }
    gauge("process_open_fds", help: "Open file descriptors.") { Double(ProcessReading.openDescriptors()) }
    gauge("process_max_fds", help: "Most file descriptors that may be open.") {
      Double(ProcessReading.descriptorsMax())
    }
    counter("process_cpu_seconds_total", help: "Processor time, user and system.") { ProcessReading.processorSeconds() }
  }
}

private enum ProcessReading {
  static func pageBytes() -> Int { max(sysconf(Int32(_SC_PAGESIZE)), 1) }

  /// The second number of `/proc/self/statm`.
  static func residentPages() -> Int {
    let descriptor = unsafe millrace_open("/proc/self/statm", O_RDONLY | O_CLOEXEC, 0)
    guard descriptor >= 0 else { return 0 }
    defer { _ = close(descriptor) }
    var text = [UInt8](repeating: 0, count: 128)
    let count = unsafe text.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else { return 0 }
    let fields = text[..<count].split(separator: UInt8(ascii: " "))
    guard fields.count > 1 else { return 0 }
    return Int(String(decoding: fields[1], as: UTF8.self)) ?? 0
  }

  /// Since Linux 6.2 the size of the directory is the number of its entries; before, it is zero.
  static func openDescriptors() -> Int {
    var status = stat()
    guard unsafe stat("/proc/self/fd", &status) == 0 else { return 0 }
    return Int(status.st_size)
  }

  static func descriptorsMax() -> UInt { DescriptorLimit.current().soft }

  static func processorSeconds() -> Double {
    var usage = rusage()
    guard unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
    let seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec
    let micros = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec
    return Double(seconds) + Double(micros) / 1e6
  }
}
