// HTTP requests to one server, by libcurl. The one file that touches it.

internal import CCurl
internal import Codecs
internal import Core

/// What a server answered.
struct HTTPAnswer: Equatable, Sendable {
  var status: Int
  var body: [UInt8] = []
  /// Where it points to instead. Never followed: a password goes nowhere but where the topology says.
  var redirect: String?
}

/// Why there is no answer.
enum HTTPFailure: Error, Equatable {
  /// May pass: the server is out of reach, or closed the connection.
  case unreachable(String)
  /// Will not pass by itself: certificates, or what is no HTTP.
  case unusable(String)
  case stopped
}

/// Owns one handle of libcurl, with the connection that it keeps. Used by one thread; libcurl has none of its own but
/// to look up names.
@safe final class HTTPClient {
  private let easy: UnsafeMutableRawPointer
  private let multi: UnsafeMutableRawPointer
  private let headers: UnsafeMutablePointer<curl_slist>?
  /// Where libcurl says what went wrong, for a person.
  private let complaint: UnsafeMutablePointer<CChar>
  private let body = Body()

  /// What has arrived of an answer.
  private final class Body {
    var bytes: [UInt8] = []
    var isTooLong = false
  }

  init(_ configuration: RegistryConfiguration, headers lines: [String]) throws(HTTPFailure) {
    guard let easy = unsafe curl_easy_init(), let multi = unsafe curl_multi_init() else {
      throw .unusable("libcurl cannot be set up")
    }
    unsafe self.easy = easy
    unsafe self.multi = multi
    unsafe complaint = .allocate(capacity: Int(CURL_ERROR_SIZE))
    unsafe complaint.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    var list: UnsafeMutablePointer<curl_slist>?
    for line in lines { unsafe list = unsafe curl_slist_append(list, line) }
    unsafe headers = list
    _ = unsafe millrace_curl_set_buffer(easy, CURLOPT_ERRORBUFFER, complaint)
    _ = unsafe millrace_curl_set_list(easy, CURLOPT_HTTPHEADER, list)
    let context = unsafe Unmanaged.passUnretained(body).toOpaque()
    _ = unsafe millrace_curl_set_writer(easy, Self.collect, context)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_CONNECTTIMEOUT_MS, Limits.Registry.connectMillis)
    set(CURLOPT_TIMEOUT_MS, Limits.Registry.requestMillis)
    // The topology alone says where a request goes: no proxy of the environment, and no redirect.
    set(CURLOPT_PROXY, "")
    set(CURLOPT_FOLLOWLOCATION, 0)
    if let file = configuration.authorities { set(CURLOPT_CAINFO, file) }
    if let login = configuration.login {
      set(CURLOPT_HTTPAUTH, 1)  // Basic.
      set(CURLOPT_USERNAME, login.user)
      set(CURLOPT_PASSWORD, login.password.revealed)
    }
  }

  deinit {
    unsafe curl_easy_cleanup(easy)
    _ = unsafe curl_multi_cleanup(multi)
    unsafe curl_slist_free_all(headers)
    unsafe complaint.deallocate()
  }

  private func set(_ option: CURLoption, _ number: Int) { _ = unsafe millrace_curl_set_number(easy, option, number) }

  private func set(_ option: CURLoption, _ text: String) { _ = unsafe millrace_curl_set_text(easy, option, text) }

  /// libcurl has received `count` bytes; any other number than that makes it give up.
  private static let collect: millrace_curl_writer = { bytes, _, count, context in
    guard let bytes = unsafe bytes, let context = unsafe context else { return 0 }
    let body = unsafe Unmanaged<Body>.fromOpaque(context).takeUnretainedValue()
    guard body.bytes.count + count <= Limits.Registry.answerBytesMax else {
      body.isTooLong = true
      return 0
    }
    unsafe body.bytes.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
    return count
  }

  /// Posts `content` to `url`, or gets what is there. `wait(0)` is true once the process shall stop.
  func send(_ content: [UInt8]?, to url: String, wait: (Int64) -> Bool) throws(HTTPFailure) -> HTTPAnswer {
    body.bytes = []
    body.isTooLong = false
    unsafe complaint.pointee = 0
    set(CURLOPT_URL, url)
    if let content {
      set(CURLOPT_POST, 1)
      _ = unsafe content.withUnsafeBytes { unsafe millrace_curl_set_body(easy, $0.baseAddress, $0.count) }
    } else {
      set(CURLOPT_HTTPGET, 1)
    }
    _ = unsafe curl_multi_add_handle(multi, easy)
    defer { _ = unsafe curl_multi_remove_handle(multi, easy) }
    var running: Int32 = 1
    while running > 0 {
      if wait(0) { throw .stopped }
      guard unsafe curl_multi_perform(multi, &running) == CURLM_OK else { throw .unusable("libcurl does not go on") }
      if running > 0 { _ = unsafe curl_multi_poll(multi, nil, 0, Limits.Registry.stopCheckMillis, nil) }
    }
    var left: Int32 = 0
    guard let message = unsafe curl_multi_info_read(multi, &left), unsafe message.pointee.msg == CURLMSG_DONE else {
      throw .unusable("libcurl tells no end")
    }
    let code = unsafe message.pointee.data.result
    guard code == CURLE_OK else { throw failure(code) }
    return HTTPAnswer(
      status: unsafe millrace_curl_status(easy), body: body.bytes,
      redirect: unsafe millrace_curl_redirect(easy).map { unsafe String(cString: $0) })
  }

  private func failure(_ code: CURLcode) -> HTTPFailure {
    if body.isTooLong {
      return .unusable(
        "an answer of more than \(Limits.Registry.answerBytesMax >> 10) KiB, which is none of a registry")
    }
    let said = unsafe String(cString: complaint)
    let reason = said.isEmpty ? unsafe String(cString: curl_easy_strerror(code)) : said
    switch code {
    case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_OPERATION_TIMEDOUT, CURLE_SEND_ERROR,
      CURLE_RECV_ERROR, CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE:
      return .unreachable(reason)
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE:
      return .unusable("\(reason); schemaRegistry.tls.authorities names who may sign its certificate")
    default: return .unusable(reason)
    }
  }
}
