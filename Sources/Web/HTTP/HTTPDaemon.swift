// HTTP/1.1 by libmicrohttpd: the one owner of the library's daemon, and the only file that knows the library.

internal import CMicroHTTPD
internal import CPlatform
import Core
internal import Glibc
import Synchronization

/// Owns the library's daemon from `start()` to `stop()`, which frees it; its callbacks run on the library's threads,
/// one connection always on the same one. C's names do not leave this file.
package final class HTTPDaemon: Sendable {
  package struct Settings: Sendable {
    package var host = "127.0.0.1"
    /// 0 lets the kernel choose.
    package var port: UInt16 = 0
    package var threads = 2
    /// Connections at a time from one address; 0 for no bound, as behind a proxy.
    package var connectionsPerAddressMax = 0
    package var requestNanosMax = Limits.httpRequestNanosMax
    package var sweepNanos = Limits.httpSweepNanos
    package init() {}
  }

  /// The library's handle of a connection: the library frees it after telling of its close.
  @safe private struct Connection: Hashable, @unchecked Sendable {  // Sendable: see the uses of `suspended`.
    private let handle: OpaquePointer
    init(_ handle: OpaquePointer) { unsafe self.handle = handle }
    private var address: UInt { unsafe UInt(bitPattern: handle) }
    static func == (left: Self, right: Self) -> Bool { left.address == right.address }
    func hash(into hasher: inout Hasher) { hasher.combine(address) }
    var descriptor: Int32 { unsafe millrace_mhd_descriptor(handle) }
    var isLocal: Bool { unsafe millrace_mhd_peer(handle).map { unsafe SocketAddress.isLoopback($0) } ?? false }
    func suspend() { unsafe MHD_suspend_connection(handle) }
    func resume() { unsafe MHD_resume_connection(handle) }
    func queue(_ status: Int, _ response: OpaquePointer) -> MHD_Result {
      unsafe MHD_queue_response(handle, UInt32(status), response)
    }
    func forEachHeader(_ visit: MHD_KeyValueIteratorN, _ context: UnsafeMutableRawPointer) {
      _ = unsafe MHD_get_connection_values_n(handle, .HEADER_KIND, visit, context)
    }
  }

  @safe private struct Daemon: @unchecked Sendable {  // Sendable: the library's own calls on it are thread-safe.
    let handle: OpaquePointer
    let context: UnsafeMutableRawPointer
    init(handle: OpaquePointer, context: UnsafeMutableRawPointer) {
      unsafe self.handle = handle
      unsafe self.context = context
    }
  }

  private struct Connections {
    /// Suspended connections, and the moment that resumes each; `.max` where only a reply does.
    var suspended: [Connection: Int64] = [:]
    /// When each open socket must have moved on, and what closes it otherwise.
    var deadlines: [Int32: Int64] = [:]
    var isStopping = false
  }

  /// The timer waits for an earlier moment, `stop` for the last deferred answer.
  private static let timerCondition = 0
  private static let drainCondition = 1

  private let settings: Settings
  private let handler: HTTPHandler
  private let clock = SystemClock()
  private let daemon = Mutex<Daemon?>(nil)
  private let connections = Monitor(Connections(), conditions: 2)
  private let bodiesBytes = Atomic<Int>(0)
  private let timer = Mutex<NamedThread?>(nil)

  package init(settings: Settings, handler: HTTPHandler) {
    self.settings = settings
    self.handler = handler
  }

  /// Connections open now.
  package var connectionCount: Int { connections.withLock { $0.deadlines.count } }

  /// Listens and serves; returns the port. Raises the process's limit on descriptors as far as it goes.
  package func start() throws(HTTPDaemonError) -> UInt16 {
    let descriptors = Int(clamping: DescriptorLimit.raise().soft)
    let address = try SocketAddress(host: settings.host, port: settings.port)
    let context = unsafe Unmanaged.passRetained(self).toOpaque()
    let host = settings.host
    let handle = unsafe address.withPointer { pointer -> OpaquePointer? in
      var options = unsafe millrace_mhd_settings()
      unsafe options.address = pointer
      unsafe options.accept = Self.accept
      unsafe options.access = Self.access
      unsafe options.completed = Self.completed
      unsafe options.connection = Self.connectionChanged
      unsafe options.context = context
      unsafe options.threads = UInt32(clamping: max(settings.threads, 2))
      unsafe options.connections_max = UInt32(clamping: max(descriptors - Limits.descriptorsReserved, 64))
      unsafe options.connections_per_ip_max = UInt32(clamping: settings.connectionsPerAddressMax)
      unsafe options.idle_seconds = Limits.httpIdleSeconds
      unsafe options.connection_memory_bytes = Limits.httpConnectionBytes
      return unsafe millrace_mhd_start(&options, Self.started)
    }
    guard let handle = unsafe handle ?? nil else {
      let code = errno
      unsafe Unmanaged<HTTPDaemon>.fromOpaque(context).release()
      throw .cannotListen(host: host, port: settings.port, code: code)
    }
    daemon.withLock { unsafe $0 = Daemon(handle: handle, context: context) }
    timer.withLock { $0 = NamedThread("http-timer") { [self] in keepTime() } }
    return UInt16(clamping: unsafe millrace_mhd_bound_port(handle))
  }

  /// Stops accepting, lets deferred requests be answered until `deadlineNanos` from now, and ends all connections.
  package func stop(deadlineNanos: Int64 = 1_000_000_000) {
    let running = daemon.withLock { daemon -> Daemon? in
      defer { daemon = nil }
      return daemon
    }
    guard let running else { return }
    connections.withLock { connections in
      // From here on `accept` lets nobody in. Not by the library's own quiescing: it and a worker thread may both take
      // the listener from the worker's epoll set, and the library aborts the process when the second finds it gone.
      connections.isStopping = true
      for (connection, wakeNanos) in connections.suspended where wakeNanos != .max {
        connections.suspended[connection] = nil
        connection.resume()
      }
    }
    connections.broadcast(Self.timerCondition)
    _ = connections.wait(for: Self.drainCondition, timeoutNanos: deadlineNanos) { $0.suspended.isEmpty ? true : nil }
    // The library aborts the process when it is stopped with a suspended connection.
    connections.withLock { connections in
      for connection in connections.suspended.keys { connection.resume() }
      connections.suspended.removeAll()
    }
    timer.withLock { $0 }?.join()
    unsafe MHD_stop_daemon(running.handle)
    unsafe Unmanaged<HTTPDaemon>.fromOpaque(running.context).release()
  }

  // MARK: Time

  /// Resumes paced bodies when they are due and closes sockets that take too long over a request.
  private func keepTime() {
    var sweepNanos = clock.monotonicNanos()
    while true {
      let now = clock.monotonicNanos()
      let sweeps = now >= sweepNanos
      if sweeps { sweepNanos = now + settings.sweepNanos }
      let next = connections.withLock { connections -> Int64? in
        if connections.isStopping { return nil }
        var next = sweepNanos
        for (connection, wakeNanos) in connections.suspended {
          if wakeNanos <= now {
            connections.suspended[connection] = nil
            connection.resume()
          } else {
            next = min(next, wakeNanos)
          }
        }
        // The library tells of a close before it closes, under this same lock: the number is still this socket's.
        if sweeps {
          for (descriptor, deadline) in connections.deadlines where deadline <= now {
            _ = shutdown(descriptor, Int32(SHUT_RDWR))
          }
        }
        return next
      }
      guard let next else { return }
      _ = connections.wait(timeoutNanos: next - now) { connections -> Bool? in
        connections.isStopping || connections.suspended.values.contains { $0 < next } ? true : nil
      }
    }
  }

  private func setDeadline(_ connection: Connection, _ nanos: Int64) {
    let descriptor = connection.descriptor
    connections.withLock { $0.deadlines[descriptor] = nanos }
  }

  // MARK: The library's callbacks

  private static let accept: MHD_AcceptPolicyCallback = { context, _, _ in
    guard let context = unsafe context else { return .NO }
    let daemon = unsafe Unmanaged<HTTPDaemon>.fromOpaque(context).takeUnretainedValue()
    return daemon.connections.withLock { $0.isStopping } ? .NO : .YES
  }

  private static let connectionChanged: MHD_NotifyConnectionCallback = { context, connection, _, change in
    guard let context = unsafe context, let connection = unsafe connection.map(Connection.init) else { return }
    let daemon = unsafe Unmanaged<HTTPDaemon>.fromOpaque(context).takeUnretainedValue()
    let descriptor = connection.descriptor
    if change == .CONNECTION_NOTIFY_STARTED {
      let deadline = daemon.clock.monotonicNanos() + daemon.settings.requestNanosMax
      daemon.connections.withLock { $0.deadlines[descriptor] = deadline }
    } else {
      daemon.connections.withLock { _ = $0.deadlines.removeValue(forKey: descriptor) }
    }
  }

  private static let started: millrace_mhd_target = { context, target, connection in
    guard let context = unsafe context, let target = unsafe target,
      let connection = unsafe connection.map(Connection.init)
    else { return nil }
    let daemon = unsafe Unmanaged<HTTPDaemon>.fromOpaque(context).takeUnretainedValue()
    let now = daemon.clock.monotonicNanos()
    daemon.setDeadline(connection, now + daemon.settings.requestNanosMax)
    let exchange = HTTPExchange(target: unsafe String(cString: target), startNanos: now)
    return unsafe Unmanaged.passRetained(exchange).toOpaque()
  }

  private static let completed: MHD_RequestCompletedCallback = { context, connection, request, _ in
    guard let context = unsafe context, let connection = unsafe connection.map(Connection.init),
      let pointer = unsafe request?.pointee
    else { return }
    unsafe request?.pointee = nil
    let daemon = unsafe Unmanaged<HTTPDaemon>.fromOpaque(context).takeUnretainedValue()
    let exchange = unsafe Unmanaged<HTTPExchange>.fromOpaque(pointer).takeRetainedValue()
    daemon.finish(exchange, connection)
  }

  private static let access: MHD_AccessHandlerCallback = { context, connection, _, method, _, data, size, request in
    guard let context = unsafe context, let connection = unsafe connection.map(Connection.init),
      let method = unsafe method, let size = unsafe size,
      let pointer = unsafe request?.pointee
    else { return .NO }
    let daemon = unsafe Unmanaged<HTTPDaemon>.fromOpaque(context).takeUnretainedValue()
    let exchange = unsafe Unmanaged<HTTPExchange>.fromOpaque(pointer).takeUnretainedValue()
    let chunk = unsafe UnsafeRawBufferPointer(start: data, count: data == nil ? 0 : size.pointee)
    unsafe size.pointee = 0
    return unsafe daemon.serve(exchange, connection, method: method, chunk: chunk)
  }

  private static let pull: MHD_ContentReaderCallback = { context, _, buffer, capacity in
    guard let context = unsafe context, let buffer = unsafe buffer else { return -1 }
    let body = unsafe Unmanaged<PulledBody>.fromOpaque(context).takeUnretainedValue()
    let raw = unsafe UnsafeMutableRawBufferPointer(start: buffer, count: capacity)
    var output = unsafe OutputRawSpan(buffer: raw, initializedCount: 0)
    let result = body.pull(&output, HTTPWaker { body.daemon.wake(body) })
    let count = unsafe output.finalize(for: raw)
    if count > 0 { return count }
    switch result {
    case .more: return 0
    case .wait(let untilNanos): return body.daemon.suspend(body.connection, untilNanos: untilNanos) ? 0 : -2
    case .parked: return body.daemon.park(body) ? 0 : -2
    case .end: return -1
    case .failed:
      // In turbo mode the library would leave the socket open until it times out.
      _ = shutdown(body.connection.descriptor, Int32(SHUT_RDWR))
      return -2
    }
  }

  private static let freeBody: MHD_ContentReaderFreeCallback = { context in
    guard let context = unsafe context else { return }
    let body = unsafe Unmanaged<PulledBody>.fromOpaque(context).takeRetainedValue()
    // From here on the connection may be another client's.
    body.daemon.connections.withLock { _ in body.state.withLock { $0.isOver = true } }
  }

  private static let upgraded: MHD_UpgradeHandler = { _, _, request, extra, extraCount, descriptor, handle in
    // The library frees its connection at once and, in turbo mode, does not shut the socket down: the copy lives on.
    let copy = dup(descriptor)
    unsafe millrace_mhd_upgrade_close(handle)
    guard let request = unsafe request, copy >= 0 else { return }
    let exchange = unsafe Unmanaged<HTTPExchange>.fromOpaque(request).takeUnretainedValue()
    let initialBytes = unsafe [UInt8](UnsafeRawBufferPointer(start: extra, count: extra == nil ? 0 : extraCount))
    if let adopt = exchange.state.withLock({ $0.upgrade }) { adopt(copy, initialBytes) } else { _ = close(copy) }
  }

  /// What a response with a pulled body holds while it is sent.
  private final class PulledBody: Sendable {
    typealias Pull = @Sendable (inout OutputRawSpan, HTTPWaker) -> HTTPPull
    let daemon: HTTPDaemon
    let connection: Connection
    let pull: Pull
    /// Changed under the daemon's lock.
    let state = Mutex((isWoken: false, isOver: false))

    init(_ daemon: HTTPDaemon, _ connection: Connection, _ pull: @escaping Pull) {
      self.daemon = daemon
      self.connection = connection
      self.pull = pull
    }
  }

  /// Suspends the body's connection until it is woken, unless it has been. Returns false when the daemon is stopping.
  private func park(_ body: PulledBody) -> Bool {
    connections.withLock { connections in
      if connections.isStopping { return false }
      let isWoken = body.state.withLock { state in
        defer { state.isWoken = false }
        return state.isWoken
      }
      guard !isWoken else { return true }
      connections.suspended[body.connection] = .max
      body.connection.suspend()
      return true
    }
  }

  private func wake(_ body: PulledBody) {
    connections.withLock { connections in
      let isParked = body.state.withLock { state in
        if state.isOver { return false }
        if connections.suspended[body.connection] == nil { state.isWoken = true }
        return !state.isWoken
      }
      guard isParked else { return }
      connections.suspended[body.connection] = nil
      body.connection.resume()
    }
  }

  // MARK: Requests

  /// The library calls this once with the headers, once for each piece of the body, and once at the end.
  private func serve(
    _ exchange: HTTPExchange, _ connection: Connection, method: UnsafePointer<CChar>, chunk: UnsafeRawBufferPointer
  ) -> MHD_Result {
    switch exchange.state.withLock({ $0.phase }) {
    case .started:
      let request: HTTPRequest
      do throws(HTTPProblem) {
        request = try unsafe head(of: exchange, connection, method: String(cString: method))
      } catch {
        return queue(error.response, exchange, connection)
      }
      if bodiesBytes.load(ordering: .relaxed) > Limits.httpBodiesBytesMax {
        return queue(HTTPProblem.unavailable("Too many request bodies are waiting.").response, exchange, connection)
      }
      // An answer before the body costs the client its connection: only worth it where there is a body to refuse.
      if request.announcesBody, let refusal = handler.refusal(request) { return queue(refusal, exchange, connection) }
      exchange.state.withLock { $0.phase = .receiving }
      return .YES
    case .receiving:
      if unsafe !chunk.isEmpty { return unsafe receive(chunk, exchange) ? .YES : .NO }
      setDeadline(connection, .max)
      return dispatch(exchange, connection)
    case .answered(let response): return queue(response, exchange, connection)
    // Resumed without an answer: the daemon is stopping.
    case .waiting: return queue(HTTPProblem.unavailable("The server is stopping.").response, exchange, connection)
    case .queued: return .YES
    }
  }

  /// Parses what is known before the body.
  private func head(
    of exchange: HTTPExchange, _ connection: Connection, method: String
  ) throws(HTTPProblem) -> HTTPRequest {
    let target: HTTPTarget
    do throws(HTTPTarget.Invalid) {
      target = try HTTPTarget(parsing: exchange.target)
    } catch {
      throw HTTPProblem(400, "Bad target", detail: "The address cannot be read: \(error.reason).")
    }
    var request = HTTPRequest(method: method, path: target.path, query: target.query)
    request.isLocal = connection.isLocal
    unsafe withUnsafeMutablePointer(to: &request.headers) { headers in
      unsafe connection.forEachHeader(
        { headers, _, name, nameCount, value, valueCount in
          guard let headers = unsafe headers?.assumingMemoryBound(to: [(name: String, value: String)].self) else {
            return .NO
          }
          // The library reads a line that begins with a space as part of the one before, and in doing so moves the
          // name away from its value (and lengthens the name). RFC 9112, 5.2: refuse. An empty name is refused below.
          if let start = unsafe name, let value = unsafe value, unsafe value < start + nameCount {
            unsafe headers.pointee.append(("", ""))
            return .NO
          }
          let name = unsafe String(decoding: UnsafeRawBufferPointer(start: name, count: nameCount), as: UTF8.self)
          let value = unsafe String(decoding: UnsafeRawBufferPointer(start: value, count: valueCount), as: UTF8.self)
          unsafe headers.pointee.append((name, value))
          return unsafe headers.pointee.count <= Limits.httpHeadersMax ? .YES : .NO
        }, headers)
    }
    exchange.state.withLock { $0.request = request }
    if request.headers.count > Limits.httpHeadersMax {
      throw HTTPProblem(
        431, "Too many headers", detail: "The request has more than \(Limits.httpHeadersMax) header fields.")
    }
    try request.checkFraming()
    if let length = request.header("Content-Length"), Int(length) ?? .max > Limits.httpBodyBytesMax {
      throw Self.bodyTooLarge
    }
    return request
  }

  private static let bodyTooLarge = HTTPProblem(
    413, "Body too large", detail: "The body is larger than \(Limits.httpBodyBytesMax) bytes.",
    remedy: "Send several requests, each below the limit.", members: [("limitBytes", "\(Limits.httpBodyBytesMax)")])

  /// Keeps a piece of the body. Returns false to cut the connection.
  private func receive(_ chunk: UnsafeRawBufferPointer, _ exchange: HTTPExchange) -> Bool {
    let count = chunk.count
    let kept = exchange.state.withLock { state -> Bool? in
      state.receivedBytes += count
      if state.receivedBytes > Limits.httpBodyDiscardBytesMax { return nil }
      guard state.receivedBytes <= Limits.httpBodyBytesMax else {
        bodiesBytes.subtract(state.request.body.count, ordering: .relaxed)
        state.request.body = []
        return false
      }
      if state.request.body.isEmpty, let length = state.request.header("Content-Length").flatMap({ Int($0) }) {
        state.request.body.reserveCapacity(min(length, Limits.httpBodyBytesMax))
      }
      unsafe state.request.body.append(contentsOf: chunk)
      return true
    }
    guard kept == true else { return kept != nil }
    return bodiesBytes.add(count, ordering: .relaxed).newValue <= Limits.httpBodiesBytesMax
  }

  private func dispatch(_ exchange: HTTPExchange, _ connection: Connection) -> MHD_Result {
    let (request, receivedBytes) = exchange.state.withLock { ($0.request, $0.receivedBytes) }
    if receivedBytes > Limits.httpBodyBytesMax { return queue(Self.bodyTooLarge.response, exchange, connection) }
    switch handler.respond(request) {
    case .respond(let response): return queue(response, exchange, connection)
    case .later(let start):
      exchange.state.withLock { $0.phase = .waiting }
      guard suspend(connection, untilNanos: .max) else {
        return queue(HTTPProblem.unavailable("The server is stopping.").response, exchange, connection)
      }
      start(HTTPReply { [self] response in answer(exchange, connection, response) })
      return .YES
    }
  }

  /// Parks a connection until `answer` or a moment. Returns false when the daemon is stopping.
  private func suspend(_ connection: Connection, untilNanos: Int64) -> Bool {
    let isSuspended = connections.withLock { connections in
      if connections.isStopping { return false }
      connections.suspended[connection] = untilNanos
      connection.suspend()
      return true
    }
    if isSuspended, untilNanos != .max { connections.signal(Self.timerCondition) }
    return isSuspended
  }

  private func answer(_ exchange: HTTPExchange, _ connection: Connection, _ response: HTTPResponse) {
    connections.withLock { connections in
      // Whoever takes the connection out of the table resumes it. The exchange's own phase tells a late second answer
      // from the answer to a later request on the same connection.
      let isWaiting = exchange.state.withLock { state in
        guard case .waiting = state.phase, connections.suspended[connection] != nil else { return false }
        state.phase = .answered(response)
        return true
      }
      guard isWaiting else { return }
      connections.suspended[connection] = nil
      connection.resume()
    }
    connections.signal(Self.drainCondition)
  }

  private func queue(
    _ response: HTTPResponse, _ exchange: HTTPExchange, _ connection: Connection
  ) -> MHD_Result {
    guard let handle = unsafe make(response, exchange, connection) else { return .NO }
    for header in response.headers { unsafe MHD_add_response_header(handle, header.name, header.value) }
    exchange.state.withLock { state in
      state.phase = .queued
      state.status = response.status
    }
    let result = unsafe connection.queue(response.status, handle)
    unsafe MHD_destroy_response(handle)
    return result
  }

  /// The library's own form of the response, freed by `MHD_destroy_response` and the last connection that sends it.
  private func make(
    _ response: HTTPResponse, _ exchange: HTTPExchange, _ connection: Connection
  ) -> OpaquePointer? {
    switch response.body {
    case .bytes(let bytes):
      return unsafe bytes.withUnsafeBytes { source in
        let start = unsafe UnsafeMutableRawPointer(mutating: source.baseAddress)
        return unsafe MHD_create_response_from_buffer(source.count, start, .RESPMEM_MUST_COPY)
      }
    case .pulled(let pull):
      let body = PulledBody(self, connection, pull)
      return unsafe MHD_create_response_from_callback(
        UInt64.max, 16 << 10, Self.pull, Unmanaged.passRetained(body).toOpaque(), Self.freeBody)
    case .upgrade(let adopt):
      exchange.state.withLock { $0.upgrade = adopt }
      return unsafe MHD_create_response_for_upgrade(Self.upgraded, nil)
    }
  }

  private func finish(_ exchange: HTTPExchange, _ connection: Connection) {
    let (request, status, isUpgrade) = exchange.state.withLock { ($0.request, $0.status, $0.upgrade != nil) }
    bodiesBytes.subtract(request.body.count, ordering: .relaxed)
    let now = clock.monotonicNanos()
    // After an upgrade the library calls this under its own lock, which `answer` takes after ours.
    if !isUpgrade { setDeadline(connection, now + Limits.httpIdleNanos + settings.requestNanosMax) }
    handler.completed(request, status, now - exchange.startNanos)
  }
}
