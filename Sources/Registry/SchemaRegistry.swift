// The schema registry's client: which id a schema has there.

internal import Core

/// A schema registry with Confluent's REST API. Used by one thread, at the start of a process.
package struct SchemaRegistry: ~Copyable {
  private let configuration: RegistryConfiguration
  private let client: HTTPClient
  private let wait: (Int64) -> Bool
  private let report: (String) -> Void

  private static let mediaType = "application/vnd.schemaregistry.v1+json"

  /// `wait` lets so many nanoseconds pass and returns whether the process shall stop, earlier then. `report` is told
  /// why it takes longer.
  package init(
    _ configuration: RegistryConfiguration, wait: @escaping (_ nanos: Int64) -> Bool,
    report: @escaping (String) -> Void
  ) throws(RegistryError) {
    self.configuration = configuration
    self.wait = wait
    self.report = report
    do throws(HTTPFailure) {
      client = try HTTPClient(
        configuration,
        headers: ["Content-Type: \(Self.mediaType)", "Accept: \(Self.mediaType), application/json", "Expect:"])
    } catch {
      throw .refused("\(error)")
    }
  }

  /// The id of `schema`. It is registered only where it is not there, so that the right to read is enough where it is;
  /// and not if the newest one there differs in its documentation alone, so that values keep their id.
  package func id(of schema: TopicSchema) throws(RegistryError) -> UInt32 {
    for kind in [RegistryQuestion.Kind.lookUp, .newest, .register] {
      if let id = try ask(RegistryQuestion(kind: kind, schema: schema)) { return id }
    }
    throw .refused("\(place) knows no \(schema.subject)")
  }

  private var place: String { "the schema registry at \(configuration.url)" }

  private func ask(_ question: RegistryQuestion) throws(RegistryError) -> UInt32? {
    var pauseNanos = Limits.Registry.pauseNanosMin
    for attempt in 1... {
      switch try outcome(of: question) {
      case .id(let id): return id
      case .missing: return nil
      case .refused(let reason): throw .refused("\(place) \(reason)")
      case .busy(let reason):
        guard attempt < Limits.Registry.attemptsMax else {
          throw .unavailable(
            "\(place) \(reason), \(attempt) times: see that it runs, and that schemaRegistry.url is right")
        }
        report("\(place) \(reason); trying again")
        if wait(pauseNanos) { throw .stopped }
        pauseNanos *= 2
      }
    }
    return nil
  }

  private func outcome(of question: RegistryQuestion) throws(RegistryError) -> RegistryQuestion.Outcome {
    let answer: HTTPAnswer
    do throws(HTTPFailure) {
      answer = try client.send(question.content, to: configuration.url + question.path, wait: wait)
    } catch {
      switch error {
      case .unreachable(let reason): return .busy("does not answer: \(reason)")
      case .unusable(let reason): return .refused("cannot be used: \(reason)")
      case .stopped: throw .stopped
      }
    }
    return question.outcome(of: answer, isLoggedIn: configuration.login != nil)
  }
}
