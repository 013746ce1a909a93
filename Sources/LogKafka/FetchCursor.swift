// One place in one partition, from which records are read on.

internal import CKafka
internal import Codecs
internal import Core
internal import Log

/// Owns a librdkafka queue and the messages taken from it. Used by one thread at a time, whichever has taken it from
/// its `CursorShelf`. Every jump gets a queue of its own, so that nothing fetched for the old place can come after it
/// (what librdkafka 2.0.2 does not keep apart when it seeks while a batch is being taken); batches are taken with
/// `rd_kafka_consume_batch_queue`, which skips nothing as long as a partition is neither paused nor sought.
@safe final class FetchCursor {
  private let topic: KafkaTopic
  private let index: Int32
  private let readsHeaders: Bool
  private var queue: OpaquePointer?
  /// Taken from the queue; those before `taken` are freed.
  private let messages: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>
  private var taken = 0
  private var count = 0
  /// Whether so much was fetched ahead that librdkafka has stopped for now.
  private var isFull = false
  private var headers = ByteWriter(capacity: 0)
  /// The offset that the next record has at least; nil when nothing is being fetched.
  private(set) var next: Int64?
  var lastUseNanos: Int64 = 0

  init(_ topic: KafkaTopic, index: Int, readsHeaders: Bool) {
    self.topic = topic
    self.index = Int32(clamping: index)
    self.readsHeaders = readsHeaders
    unsafe messages = UnsafeMutablePointer.allocate(capacity: Limits.Kafka.cursorMessages)
    unsafe messages.initialize(repeating: nil, count: Limits.Kafka.cursorMessages)
  }

  deinit {
    stop()
    unsafe messages.deallocate()
  }

  /// Stops fetching, and frees what was fetched.
  func stop() {
    guard let queue = unsafe queue else { return }
    next = nil
    unsafe rd_kafka_consume_stop(topic.raw, index)
    while taken < count { drop() }
    unsafe rd_kafka_queue_destroy(queue)
    unsafe self.queue = nil
  }

  /// Begins to fetch at `offset`, unless that is where it is.
  func go(to offset: Int64) throws(KafkaError) {
    guard next != offset else { return }
    stop()
    let fresh = unsafe rd_kafka_queue_new(topic.handle.raw)
    guard unsafe rd_kafka_consume_start_queue(topic.raw, index, offset, fresh) == 0 else {
      let code = rd_kafka_last_error()
      unsafe rd_kafka_queue_destroy(fresh)
      throw KafkaError(code, "beginning to fetch")
    }
    unsafe queue = fresh
    isFull = false
    next = offset
  }

  /// Appends batches of what lies from `next` on: at least one record or gap, at most about `maxBytes`, and never waits
  /// once there is something. Waits in slices of `Limits.Kafka.pollMillis` as long as `goesOn` allows; nil if it found
  /// nothing until then, else the offset behind what it appended. Errors that pass are waited out likewise.
  func read(
    maxBytes: Int, into buffer: inout ByteWriter, while goesOn: () -> Bool
  ) throws(KafkaError) -> Int64? {
    guard let start = next else { return nil }
    let limit = buffer.count + maxBytes
    var trouble: KafkaError?
    while true {
      let end: Int64
      do throws(KafkaError) {
        end = try appendBatch(limit: limit, to: &buffer)
      } catch {
        // librdkafka goes on trying by itself.
        guard error.isPassing else { throw error }
        trouble = error
        end = start
      }
      if end > start {
        return appendMore(limit: limit, to: &buffer)
      }
      if taken < count { continue }
      guard goesOn() else {
        if let trouble { throw trouble }
        return nil
      }
      fill(waitingMillis: Limits.Kafka.pollMillis)
    }
  }

  /// Appends more batches of what is at hand, up to about `limit` bytes. Returns the offset behind them.
  private func appendMore(limit: Int, to buffer: inout ByteWriter) -> Int64 {
    var last = next ?? 0
    while taken < count, buffer.count < limit {
      do throws(KafkaError) {
        let end = try appendBatch(limit: limit, to: &buffer)
        if end == last { break }
        last = end
      } catch {
        // What was read counts; whoever reads on begins anew, and is told what is wrong if it still is.
        stop()
        break
      }
    }
    return last
  }

  /// Appends one batch of what was fetched already; nothing, if that is nothing. Returns `next`.
  private func appendBatch(limit: Int, to buffer: inout ByteWriter) throws(KafkaError) -> Int64 {
    guard let base = next else { return 0 }
    let room = min(limit, buffer.count + Limits.batchBytesMax)
    let start = buffer.count
    var framer = RecordBatchFramer(baseOffset: base, in: &buffer)
    var end = base
    var failure: KafkaError?
    var isFull = false
    while !isFull, failure == nil {
      if taken == count { fill(waitingMillis: 0) }
      if taken == count { break }
      taken = unsafe Self.append(
        messages, taken..<count, room: room, readsHeaders: readsHeaders, &headers, to: &framer, in: &buffer)
      end = max(end, framer.nextOffset)
      guard taken < count, let message = unsafe messages[taken] else { continue }
      switch unsafe message.pointee.err {
      case RD_KAFKA_RESP_ERR_NO_ERROR:
        isFull = true
        // Farther than a batch can count: an empty one in between.
        if end == base { end = base + Int64(Int32.max) }
      case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        // All offsets before it are accounted for: what had no record was taken back, compacted, or a marker.
        end = max(end, min(unsafe message.pointee.offset, base + Int64(Int32.max)))
        drop()
      case _ where end > base:
        isFull = true  // First what was read; the error comes with the next batch.
      default:
        failure = unsafe error(of: message)
        drop()
      }
    }
    if end > base { framer.finish(at: end, in: &buffer) } else { buffer.truncate(to: start) }
    next = end
    if let failure { throw failure }
    return end
  }

  /// Appends and frees records, as long as there is room for them; at least the first, whatever its size. Returns the
  /// place of the first message that stays. All it needs is at hand: for each access to a property of an object Swift
  /// would make sure that nobody else has one.
  private static func append(
    _ messages: UnsafeMutablePointer<UnsafeMutablePointer<rd_kafka_message_t>?>, _ places: Range<Int>, room: Int,
    readsHeaders: Bool, _ headers: inout ByteWriter, to framer: inout RecordBatchFramer, in buffer: inout ByteWriter
  ) -> Int {
    var place = places.lowerBound
    while place < places.upperBound, framer.recordCount < Limits.batchRecordsMax,
      let message = unsafe messages[place], unsafe message.pointee.err == RD_KAFKA_RESP_ERR_NO_ERROR
    {
      let content = unsafe message.pointee
      let offset = unsafe content.offset
      if offset >= framer.nextOffset {
        let size = unsafe content.len + content.key_len
        guard framer.canHold(offset), framer.recordCount == 0 || buffer.count + size + 32 <= room else { break }
        let key = unsafe UnsafeRawBufferPointer(start: content.key, count: content.key_len)
        let value = unsafe UnsafeRawBufferPointer(start: content.payload, count: content.len)
        let hasHeaders = unsafe readsHeaders && read(headersOf: message, into: &headers)
        let section = headers.bytes
        unsafe framer.append(
          offset: offset, timestampMillis: rd_kafka_message_timestamp(message, nil),
          key: content.key == nil ? nil : key.bytes, value: content.payload == nil ? nil : value.bytes,
          headers: hasHeaders ? section : nil, to: &buffer)
      }
      unsafe rd_kafka_message_destroy(message)
      place += 1
    }
    return place
  }

  /// Encodes a message's headers; false if it has none.
  private static func read(
    headersOf message: UnsafeMutablePointer<rd_kafka_message_t>, into headers: inout ByteWriter
  ) -> Bool {
    var list: OpaquePointer?
    guard unsafe rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list = unsafe list else {
      return false
    }
    headers.removeAll()
    let count = unsafe rd_kafka_header_cnt(list)
    headers.append(varint: Int64(count))
    var name: UnsafePointer<CChar>?
    var value: UnsafeRawPointer?
    var size = 0
    for place in 0..<count {
      guard unsafe rd_kafka_header_get_all(list, place, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR,
        let name = unsafe name
      else { continue }
      var length = 0
      while unsafe name[length] != 0 { length += 1 }
      let nameBytes = unsafe UnsafeRawBufferPointer(start: name, count: length)
      let valueBytes = unsafe UnsafeRawBufferPointer(start: value, count: size)
      unsafe headers.append(headerNamed: nameBytes.bytes, value: value == nil ? nil : valueBytes.bytes)
    }
    return true
  }

  private func error(of message: UnsafeMutablePointer<rd_kafka_message_t>) -> KafkaError {
    let text = unsafe rd_kafka_message_errstr(message).map { unsafe String(cString: $0) }
    return unsafe KafkaError(message.pointee.err, "reading at \(message.pointee.offset)").adding(text)
  }

  /// Frees the message at `taken`.
  private func drop() {
    if let message = unsafe messages[taken] { unsafe rd_kafka_message_destroy(message) }
    taken += 1
  }

  /// Takes what there is; waits for a first message if there is none.
  private func fill(waitingMillis: Int32) {
    guard let queue = unsafe queue else { return }
    let waiting = messagesAhead
    if waiting >= Limits.Kafka.cursorMessagesMax {
      isFull = true
    } else if isFull, waiting < Limits.Kafka.cursorMessagesMax / 2 {
      wake()
    }
    taken = 0
    let room = Limits.Kafka.cursorMessages
    count = max(0, unsafe rd_kafka_consume_batch_queue(queue, 0, messages, room))
    guard count == 0, waitingMillis > 0 else { return }
    // With room for more than one, librdkafka would wait until all of it is full.
    count = max(0, unsafe rd_kafka_consume_batch_queue(queue, Limits.Kafka.cursorPatienceMillis, messages, 1))
    guard count == 0 else { return }
    // It may have been the bytes that were too many.
    wake()
    count = max(0, unsafe rd_kafka_consume_batch_queue(queue, waitingMillis, messages, 1))
  }

  /// How many were fetched, and not taken yet.
  var messagesAhead: Int { unsafe queue.map { unsafe rd_kafka_queue_length($0) } ?? 0 }

  /// Has librdkafka fetch on. Once enough was fetched ahead, its thread sleeps for a second, however soon that is used
  /// up, unless there is something else to do: any question to the partition's leader is. The answer is not waited for,
  /// and thrown away. (`rd_kafka_query_watermark_offsets` waits for ever if its question is thrown away before.)
  private func wake() {
    isFull = false
    let question = unsafe rd_kafka_topic_partition_list_new(1)
    defer { unsafe rd_kafka_topic_partition_list_destroy(question) }
    let entry = unsafe rd_kafka_topic_partition_list_add(question, rd_kafka_topic_name(topic.raw), index)
    unsafe entry?.pointee.offset = QuestionsHandle.end
    _ = unsafe rd_kafka_offsets_for_times(topic.handle.raw, question, 0)
  }
}
