// The schemaRegistry section: short and long, what it yields, and that passwords stay out of sight.

import Core
import Events
import Foundation
import Kit
import Registry
import Testing

@testable import Wiring

@Suite struct RegistryTopologyTests {
  @Test func theShortFormIsTheURL() throws {
    let topology = try Topology(yaml: "schemaRegistry: http://registry:8081/\n")
    let section = try #require(topology.schemaRegistry)
    #expect(try section.configuration(environment: [:]) == RegistryConfiguration(url: "http://registry:8081"))
    #expect(topology.description.split(separator: "\n").contains("* schemaRegistry: http://registry:8081"))
    #expect(Topology().description.split(separator: "\n").contains("  schemaRegistry: none"))
  }

  @Test func everyKeyReachesTheConfigurationAndNoPasswordIsShown() throws {
    let directory = TemporaryDirectory()
    try Data("p4ss\n".utf8).write(to: URL(filePath: "\(directory.path)/password"))
    try Data().write(to: URL(filePath: "\(directory.path)/ca.pem"))
    let topology = try Topology(
      yaml: """
        schemaRegistry:
          url: https://registry/apis/ccompat/v7
          tls: {authorities: \(directory.path)/ca.pem}
          basicAuth: {user: me, passwordFile: \(directory.path)/password}
        """)
    let section = try #require(topology.schemaRegistry)
    var expected = RegistryConfiguration(
      url: "https://registry/apis/ccompat/v7", login: RegistryLogin(user: "me", password: Secret("p4ss")),
      authorities: "\(directory.path)/ca.pem")
    #expect(try section.configuration(environment: [:]) == expected)
    expected.login = RegistryLogin(user: "me", password: Secret("other"))
    #expect(try section.configuration(environment: ["MILLRACE_REGISTRY_PASSWORD": "other"]) == expected)
    let text = topology.description + "\(expected)" + String(reflecting: expected)
    #expect(!text.contains("p4ss") && !text.contains("other"))
  }

  @Test(arguments: [
    ("schemaRegistry: registry:8081", 17, "schemaRegistry is \"registry:8081\"; it must be one http:// or"),
    ("schemaRegistry: 'http://a:1,http://b:1'", 17, "it must be one http:// or https:// URL, such as http://HOST:8081"),
    ("schemaRegistry: ftp://a", 17, "it must be one http:// or https:// URL"),
    ("schemaRegistry: http://a?b", 17, "it must be one http:// or https:// URL"),
    ("schemaRegistry: http://me:p4ss@a", 17, "schemaRegistry holds a user: give schemaRegistry.basicAuth instead"),
    ("schemaRegistry: {}", 17, "schemaRegistry needs a url"),
    ("schemaRegistry: [a]", 17, "schemaRegistry must be a mapping of keys"),
    (
      "schemaRegistry: {url: http://a, tls: {key: k}}", 39,
      "unknown key \"key\" in schemaRegistry.tls; known are authorities"
    ),
    ("schemaRegistry: {url: http://a, basicAuth: {}}", 44, "schemaRegistry.basicAuth needs a user"),
    ("schemaRegistry: {url: http://a, basicAuth: {user: 'a:b'}}", 51, "schemaRegistry.basicAuth.user has a colon"),
    ("schemaRegistry: {url: http://a, user: me}", 33, "known are basicAuth, tls, url"),
  ])
  func aMistakeIsNamedByItsPlace(text: String, column: Int, words: String) {
    do throws(YAMLError) {
      _ = try Topology(yaml: text)
      Issue.record("accepted")
    } catch {
      #expect(error.mark.column == column && error.message.contains(words), "\(error)")
      #expect(!error.message.contains("p4ss"))
    }
  }
}
