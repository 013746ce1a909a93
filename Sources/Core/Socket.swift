// A connected stream socket: the one owner of its descriptor.

internal import CPlatform
internal import Glibc

/// What a read or write on a non-blocking socket came to.
package enum SocketResult: Equatable, Sendable {
  case bytes(Int)
  /// Nothing now; wait for readiness.
  case wouldBlock
  /// The peer closed or the connection failed: nothing more will come or go.
  case closed
}

/// Owns a connected descriptor and closes it at the end of its life. Used by one thread at a time.
package struct Socket: ~Copyable, Sendable {
  package let descriptor: Int32

  /// Takes over `descriptor` and makes it non-blocking. Small frames leave at once (`TCP_NODELAY`), and the kernel
  /// takes no more than `unsentBytesMax` ahead of the network, so that what is stale can still be left out. Both are
  /// without effect on a socket that is not TCP.
  package init(taking descriptor: Int32, unsentBytesMax: Int) {
    self.descriptor = descriptor
    let flags = millrace_fcntl(descriptor, F_GETFL, 0)
    if flags >= 0 { _ = millrace_fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) }
    set(Int32(IPPROTO_TCP), TCP_NODELAY, to: 1)
    set(Int32(IPPROTO_TCP), TCP_NOTSENT_LOWAT, to: Int32(clamping: unsentBytesMax))
  }

  deinit { close(descriptor) }

  private func set(_ level: Int32, _ option: Int32, to value: Int32) {
    var value = value
    _ = unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  /// Reads what is there, at most the buffer's size.
  package borrowing func read(into buffer: UnsafeMutableRawBufferPointer) -> SocketResult {
    while true {
      let count = unsafe recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count > 0 { return .bytes(count) }
      if count == 0 { return .closed }
      if errno == EINTR { continue }
      return errno == EAGAIN ? .wouldBlock : .closed
    }
  }

  /// Writes the runs of `list` in one call; may write less than all of it.
  package borrowing func write(_ list: borrowing WriteList) -> SocketResult { list.write(to: descriptor) }

  /// Tells the peer that nothing more comes, while what it still sends can be read.
  package borrowing func finishWriting() { _ = shutdown(descriptor, Int32(SHUT_WR)) }
}

extension WriteList {
  /// Writes the runs in one call to the non-blocking descriptor of a `Socket` that is alive; may write less than all.
  package borrowing func write(to descriptor: Int32) -> SocketResult {
    while true {
      // Not writev(2), which would raise SIGPIPE when the peer is gone.
      let count = count == 1 ? sendOnly(to: descriptor) : sendAll(to: descriptor)
      if count >= 0 { return .bytes(count) }
      if errno == EINTR { continue }
      return errno == EAGAIN ? .wouldBlock : .closed
    }
  }

  /// One run, which saves the kernel from taking a message apart.
  private borrowing func sendOnly(to descriptor: Int32) -> Int {
    let run = unsafe base.load(as: iovec.self)
    return unsafe send(descriptor, run.iov_base, run.iov_len, Int32(MSG_NOSIGNAL))
  }

  private borrowing func sendAll(to descriptor: Int32) -> Int {
    var message = unsafe msghdr()
    unsafe message.msg_iov = unsafe base.assumingMemoryBound(to: iovec.self)
    unsafe message.msg_iovlen = count
    return unsafe sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
  }
}
