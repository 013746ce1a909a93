// How to reach a schema registry.

package import Core

package struct RegistryConfiguration: Sendable, Equatable {
  /// The root of its API, such as `https://registry:8081`, without a slash at its end; never with a password.
  package var url: String
  package var login: RegistryLogin?
  /// A PEM file of who may sign its certificate; nil for those that the system trusts.
  package var authorities: String?

  package init(url: String, login: RegistryLogin? = nil, authorities: String? = nil) {
    self.url = url
    self.login = login
    self.authorities = authorities
  }
}

/// HTTP's Basic authentication.
package struct RegistryLogin: Sendable, Equatable {
  package var user: String
  package var password: Secret

  package init(user: String, password: Secret) {
    self.user = user
    self.password = password
  }
}
