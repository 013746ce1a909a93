// SHA-256: hashes of states and of what a replay must equal.

internal import CCrypto

/// An incremental SHA-256. Owns libcrypto's digest context, freed with this value; one thread at a time.
@safe package struct SHA256Digest: ~Copyable, @unchecked Sendable {  // Sendable: unique owner of its context.
  private let context: OpaquePointer

  package init() {
    guard let made = unsafe EVP_MD_CTX_new() else { preconditionFailure("no memory for a digest context") }
    unsafe context = made
    start()
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  private func start() {
    let code = unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil)
    precondition(code == 1, "libcrypto without SHA-256")
  }

  package mutating func update(_ bytes: RawSpan) {
    let code = unsafe bytes.withUnsafeBytes { unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
    precondition(code == 1, "libcrypto refuses bytes")
  }

  /// The 32 bytes of the digest of all updates; the next update begins a new one.
  package mutating func finalize() -> [UInt8] {
    let digest = unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
      let code = unsafe EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
      precondition(code == 1, "libcrypto without a result")
      count = 32
    }
    start()
    return digest
  }
}
