// Performing what a session decided, and telling it what happened.

internal import Codecs
internal import Core
internal import Log

extension StreamLoop {
  func name(of stream: Int) -> String { catalog.directory.streams[stream].definition.name }

  func perform(_ actions: [StreamSession.Action], _ connection: StreamConnection) {
    for action in actions {
      switch action {
      case .send(let frame): send(frame, connection)
      case .resolve(let ticket):
        guard let index = connection.session.index(ofTicket: ticket) else { continue }
        let subscription = connection.session.subscriptions[index]
        pool.submit(makeJob(for: subscription, .resolve(subscription.start), connection.token))
      case .began(let stream):
        catalog.changeSubscribers(of: stream, by: 1)
        subscriptionsChanged(connection)
      case .ended(let stream):
        catalog.changeSubscribers(of: stream, by: -1)
        subscriptionsChanged(connection)
      case .ping:
        text.removeAll()
        text.append(webSocketHeader: .ping, payloadCount: 0)
        enqueue(connection)
      case .close(let code, let reason): close(connection, code, reason)
      }
    }
  }

  /// Queues a control frame.
  func send(_ frame: ServerFrame, _ connection: StreamConnection) {
    if case .error = frame { catalog.metrics.errors.add() }
    encode(frame)
    enqueue(connection)
  }

  /// Puts a control frame into `text`.
  func encode(_ frame: ServerFrame) {
    var json = ByteWriter(capacity: 256)
    frame.append(to: &json)
    text.removeAll()
    text.append(webSocketFrame: .text, payload: json.bytes)
  }

  /// Queues the frame in `text`. A client whose queue is full is cut off: it has not read for a long time.
  func enqueue(_ connection: StreamConnection) {
    guard holds(connection), !connection.isFinished else { return }
    guard connection.queue.count + text.count <= Limits.Stream.outQueueBytesMax,
      catalog.metrics.queuedBytes.value + text.count <= Limits.Stream.outQueuesBytesMax
    else {
      catalog.metrics.slowDisconnects.add()
      return drop(connection)
    }
    connection.queue.append(copying: text)
    catalog.metrics.queuedBytes.change(by: text.count)
  }

  func close(_ connection: StreamConnection, _ code: StreamCloseCode, _ reason: String) {
    close(connection, code: code.rawValue, reason)
  }

  /// Queues a close frame; the socket ends when the client has it, or after a while.
  func close(_ connection: StreamConnection, code: UInt16, _ reason: String) {
    guard holds(connection), connection.closingNanos == nil else { return }
    leave(connection)
    connection.closingNanos = nowNanos + Limits.Stream.lingerNanos
    perform(connection.session.endAll(), connection)
    text.removeAll()
    text.append(webSocketClose: code, reason: reason)
    enqueue(connection)
    serve(connection)
  }

  /// Nothing follows the close frame: the client will close its side when it has read it.
  func finishIfClosing(_ connection: StreamConnection) {
    guard connection.closingNanos != nil, connection.queue.isEmpty, !connection.isFinished else { return }
    connection.isFinished = true
    connection.socket.finishWriting()
  }

  /// A worker is done with a job of this client.
  func replayed(_ connection: StreamConnection, _ ticket: UInt32, _ outcome: ReplayJob.Outcome) {
    switch outcome {
    case .resolved(let result):
      perform(connection.session.resolved(ticket: ticket, result, in: catalog.directory), connection)
      // The rings may have grown before anybody listened.
      ringsMayHaveGrown()
    case .piece(let partition, let result, let reader):
      guard let index = connection.session.index(ofTicket: ticket) else { return }
      switch result {
      case .failure(let failure) where failure.isPassing && connection.session.resumes(index, partition): break
      case .failure(let failure): perform(connection.session.fail(index, failure), connection)
      case .success(let piece):
        connection.session.withSubscription(index) { subscription in
          subscription.cursors[partition].source = .piece(piece, frame: 0)
          subscription.cursors[partition].reader = reader
          subscription.cursors[partition].isFetchingState = false
        }
      }
    }
    serve(connection)
  }

  /// Looks for what only time brings to light: positions that will never exist, and memory of clients that rest.
  func review(_ connection: StreamConnection) {
    var index = 0
    while index < connection.session.subscriptions.count {
      let subscription = connection.session.subscriptions[index]
      let partitions = catalog.partitions[subscription.stream]
      let isLost = subscription.cursors.indices.contains {
        subscription.cursors[$0].position > partitions[$0].log.highWatermark
      }
      if isLost, !catalog.mayGrow(subscription.stream) {
        let failure = StreamFailure(.positionAfterEnd, "the stream ends before the position")
        perform(connection.session.fail(index, failure), connection)
        continue
      }
      if connection.isBlocked { connection.session.withSubscription(index) { $0.dropReaders() } }
      index += 1
    }
  }

  /// Tells each subscription how far it is, if it moved since it was told last.
  func tellProgress(_ connection: StreamConnection) {
    // Whoever does not read what it has needs no news of more.
    guard !connection.isBlocked, connection.queue.isEmpty else { return }
    for index in connection.session.subscriptions.indices {
      let isDue = connection.session.withSubscription(index) { $0.noteProgress() }
      guard isDue, let frame = progressFrame(of: connection.session.subscriptions[index]) else { continue }
      send(frame, connection)
    }
  }

  /// How far a subscription is; nil before its start is known.
  func progressFrame(of subscription: Subscription) -> ServerFrame? {
    let stream = name(of: subscription.stream)
    guard let token = subscription.token(stream: stream) else { return nil }
    let watermark = subscription.watermarkMillis
    return .progress(
      id: subscription.id, stream: stream, positions: subscription.positions, token: token,
      watermarkMillis: watermark == .min || watermark == .max ? nil : watermark)
  }

  /// Queues a frame about a subscription's place.
  func tell(
    _ index: Int, _ connection: StreamConnection,
    _ frame: (String, String, [StreamPosition], String) -> ServerFrame
  ) {
    let subscription = connection.session.subscriptions[index]
    let stream = name(of: subscription.stream)
    guard let token = subscription.token(stream: stream) else { return }
    send(frame(subscription.id, stream, subscription.positions, token), connection)
  }
}

extension StreamSession {
  /// Has the log be read again from where the cursor is; not where frames of a state may have been lost on the way.
  mutating func resumes(_ index: Int, _ partition: Int) -> Bool {
    withSubscription(index) { subscription in
      guard !subscription.cursors[partition].isFetchingState else { return false }
      subscription.cursors[partition].source = .none
      return true
    }
  }

  /// Takes the text message that `decoder` holds.
  mutating func receive(
    messageOf decoder: borrowing WebSocketDecoder, in directory: StreamDirectory, nowNanos: Int64, wallMillis: Int64
  ) -> [Action] {
    receive(decoder.payload, in: directory, nowNanos: nowNanos, wallMillis: wallMillis)
  }
}

extension ByteWriter {
  /// The answer to the ping that `decoder` holds.
  mutating func append(webSocketPong decoder: borrowing WebSocketDecoder) {
    append(webSocketFrame: .pong, payload: decoder.payload)
  }
}

extension OutQueue {
  mutating func append(copying writer: borrowing ByteWriter) { append(writer.bytes) }
}
