package import Base
import Foundation
package import OpenTelemetry
package import Outbound

/// A service that answers with models: which API it has, where it is, and the key.
package struct ModelUpstream: Sendable, Hashable {
    package enum API: String, Sendable, CaseIterable {
        /// Anthropic's Messages API.
        case anthropic
        /// OpenAI's Chat Completions API, which other services and servers of models have too.
        case openAI
    }

    package struct ParseError: Error, CustomStringConvertible {
        package let description = "is no URL that begins with https:// or http://, without a query"
    }

    package static let anthropicURL = "https://api.anthropic.com"
    package static let openAIURL = "https://api.openai.com/v1"

    package let api: API
    /// Without a slash at its end.
    package let baseURL: String
    /// Nil for a server that requires none.
    package let key: ModelKey?

    /// - Parameter baseURL: what the paths of the API follow: `/v1/messages` or `/chat/completions`.
    package init(_ api: API, baseURL: String, key: ModelKey?) throws(ParseError) {
        guard let parts = URLComponents(string: baseURL), parts.scheme == "http" || parts.scheme == "https",
            parts.host?.isEmpty == false, parts.query == nil, parts.fragment == nil, parts.user == nil,
            parts.password == nil
        else { throw ParseError() }
        self.api = api
        self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
        self.key = key
    }

    /// A client of the service.
    /// - Parameter pause: waits between attempts; tests replace it.
    package func client(
        _ settings: ModelClientSettings = ModelClientSettings(),
        runtime: Runtime,
        pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) -> any ModelClient {
        let transport = ModelTransport(upstream: self, settings: settings, runtime: runtime, pause: pause)
        return switch api {
        case .anthropic: AnthropicClient(transport: transport)
        case .openAI: OpenAIClient(transport: transport)
        }
    }
}

/// The bounds of a client's requests.
package struct ModelClientSettings: Sendable {
    /// Attempts of a request of which nothing was handed on.
    package var retries = RetryPolicy(attemptsMax: 3, first: .milliseconds(500), longest: .seconds(8))
    /// The longest wait before another attempt; a service that asks for a longer one has refused.
    package var waitMax: Duration = .seconds(60)
    package var connectTimeout: Duration = .seconds(5)
    /// Until the first part of a streamed answer.
    package var firstTokenTimeout: Duration = .seconds(60)
    /// Between two parts of it; services send pings.
    package var idleTimeout: Duration = .seconds(30)
    /// Of a whole response or stream, in bytes.
    package var responseBytesMax = 16 << 20
    /// Of one event of a stream, in bytes.
    package var eventBytesMax = 1 << 20
    /// Open connections, and so answers under way; further requests wait for one.
    package var connectionsMax = 256
    /// Traces the requests; nil for none.
    package var tracer: OTLPTracer?

    package init() {}

    /// Of a service in a ``ModelPool`` with others: a long wait for it is for nothing where another one may answer.
    package static var amongOthers: ModelClientSettings {
        var settings = ModelClientSettings()
        settings.retries.attemptsMax = 2
        settings.waitMax = .seconds(2)
        return settings
    }
}

/// The model that an installation uses.
package struct ModelSettings: Sendable, Hashable {
    package let upstream: ModelUpstream
    /// Its name at the service.
    package let model: String

    package init(upstream: ModelUpstream, model: String) {
        self.upstream = upstream
        self.model = model
    }
}
