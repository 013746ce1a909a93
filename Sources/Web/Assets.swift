// The page and the interface descriptions, compiled into the binary.

/// One embedded file.
struct Asset: Sendable {
  let path: String
  let type: String
  let bytes: [UInt8]
  /// A strong tag over the content.
  let tag: String

  init(_ path: String, _ type: String, _ bytes: [UInt8]) {
    self.path = path
    self.type = type
    self.bytes = bytes
    // FNV-1a: the tag has to differ between releases, not to resist anyone.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
    tag = "\"\(String(hash, radix: 36))-\(String(bytes.count, radix: 36))\""
  }
}

/// All embedded files.
struct Assets: Sendable {
  let all: [Asset] = [
    Asset("/", "text/html; charset=utf-8", PackageResources.index_html),
    Asset("/app.js", "text/javascript; charset=utf-8", PackageResources.app_js),
    Asset("/candle-chart.js", "text/javascript; charset=utf-8", PackageResources.candle_chart_js),
    Asset("/candle-series.js", "text/javascript; charset=utf-8", PackageResources.candle_series_js),
    Asset("/format.js", "text/javascript; charset=utf-8", PackageResources.format_js),
    Asset("/price-table.js", "text/javascript; charset=utf-8", PackageResources.price_table_js),
    Asset("/stream-client.js", "text/javascript; charset=utf-8", PackageResources.stream_client_js),
    Asset("/style.css", "text/css; charset=utf-8", PackageResources.style_css),
    Asset("/favicon.svg", "image/svg+xml", PackageResources.favicon_svg),
    Asset("/openapi.json", "application/json", PackageResources.openapi_json),
    Asset("/asyncapi.json", "application/json", PackageResources.asyncapi_json),
  ]
}
