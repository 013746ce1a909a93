// Writes a segment anew from the pieces of a repair, and what is cut to a file beside it.

internal import Codecs
internal import Core

struct SegmentRewrite<Files: LogFiles> {
  let files: Files
  let directory: String

  /// The new segment takes the name in one step, after what is cut is durable in files of its own.
  func run(_ repair: SegmentRepair, _ asides: inout [String]) throws(FileError) {
    let path = repair.segment.file
    let old = repair.segment.byteCount == nil ? nil : try files.open(path, .read)
    let new = try files.open(path + ".tmp", .create)
    var position: Int64 = 0
    for piece in repair.pieces {
      switch piece {
      case .keep(let from, let to):
        guard let old else { continue }
        position = try copy(old, from: from, to: to, into: new, at: position)
      case .restore(let byte, let byteCount, let baseOffset):
        guard let old else { continue }
        position = try restore(old, byte, byteCount, baseOffset, into: new, at: position)
      case .fill(let from, let to, let timestampMillis):
        position = try fill(from: from, to: to, timestampMillis, into: new, at: position)
      case .cut(let from, let to):
        guard let old else { continue }
        let aside = files.freeName("\(path).cut-\(from)")
        let file = try files.open(aside, .create)
        _ = try copy(old, from: from, to: to, into: file, at: 0)
        try file.sync()
        asides.append(aside)
      }
    }
    // In their new places the batches have others in front of them than they say.
    try new.clearUnsyncedBytes(to: position)
    try new.sync()
    // The names of what was cut must not be lost with the power while the cut itself is kept.
    try files.syncDirectory(directory)
    try files.rename(path + ".tmp", to: path)
    try files.syncDirectory(directory)
  }

  /// Returns the byte after what was written.
  private func copy(
    _ source: Files.File, from: Int64, to: Int64, into target: Files.File, at place: Int64
  ) throws(FileError) -> Int64 {
    var buffer = ByteWriter()
    var done: Int64 = 0
    while from + done < to {
      buffer.removeAll()
      try source.read(Int(min(to - from - done, Int64(Limits.logWriteBytes))), at: from + done, into: &buffer)
      if buffer.count == 0 { break }
      try target.write(buffer.bytes, at: place + done)
      done += Int64(buffer.count)
    }
    return place + done
  }

  private func restore(
    _ source: Files.File, _ byte: Int64, _ byteCount: Int, _ baseOffset: Int64, into target: Files.File,
    at place: Int64
  ) throws(FileError) -> Int64 {
    var buffer = ByteWriter()
    try source.read(byteCount, at: byte, into: &buffer)
    guard buffer.count >= BatchFrame.prefixBytes else { return place }
    buffer.overwrite(bigEndian: baseOffset, at: 0)
    buffer.overwrite(bigEndian: Int32(0), at: 12)
    try target.write(buffer.bytes, at: place)
    return place + Int64(buffer.count)
  }

  private func fill(
    from: Int64, to: Int64, _ timestampMillis: Int64, into target: Files.File, at place: Int64
  ) throws(FileError) -> Int64 {
    var headers = ByteWriter()
    headers.append(varint: 1)
    headers.append(varint: Int64(Self.header.utf8CodeUnitCount))
    headers.append(utf8: Self.header)
    headers.append(varint: -1)
    var writer = RecordBatchWriter()
    var offset = from
    var position = place
    while offset < to {
      let base = offset
      while offset < to, writer.recordCount < Limits.batchRecordsMax {
        writer.append(timestampMillis: timestampMillis, key: nil, value: nil, headers: headers.bytes)
        offset += 1
      }
      var bytes = writer.finish().bytes
      RecordBatchHeader.patch(baseOffset: base, in: &bytes)
      try target.write(unsafe bytes.span.bytes, at: position)
      position += Int64(bytes.count)
    }
    return position
  }

  /// The header of a record that stands for a lost one.
  private static var header: StaticString { "millrace.lost" }
}
