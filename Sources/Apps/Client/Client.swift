import AsyncHTTPClient
package import Base
import NIOCore
import NIOHTTP1

/// Calls the service from outside, as any HTTP client would: what the tour, the tests and the benchmarks knock with.
///
/// A client is a value. ``signedIn(with:)`` gives another one that shares its connections, so several people can stand at the door
/// at once. The connections are closed by ``shutDown()`` on any of them, or when the last of them is let go.
package struct Client: Sendable {
    /// Where the service is, without a slash at the end: `http://127.0.0.1:8080`.
    package let baseURL: String
    /// The access token that is sent along, if any.
    package var token: String?
    private let timeout: Duration
    private let connections: Connections

    /// The largest answer that is taken, in bytes, unless a caller allows more.
    package static let answerBytesMax = 64 << 20

    /// - Parameters:
    ///   - connections: how many are open at once; further requests wait for one.
    ///   - timeout: how long the head of an answer may take, and how long its body may stand still.
    package init(baseURL: String, connections: Int = 16, timeout: Duration = .seconds(60)) {
        self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
        self.timeout = timeout
        var configuration = HTTPClient.Configuration()
        configuration.timeout = .init(connect: .seconds(5), read: TimeAmount(timeout))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = connections
        // A server that is not there is an answer, and nothing is to be hidden: no second try, no redirect followed, no unpacking.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        configuration.httpVersion = .http1Only
        self.connections = Connections(HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration))
    }

    /// The same client with an access token, or with none.
    package func signedIn(with token: String?) -> Client {
        var client = self
        client.token = token
        return client
    }

    /// Sends one request and takes its whole answer.
    /// - Parameters:
    ///   - path: what follows the base URL, beginning with a slash; it is sent as it is, percent-encoded or not.
    ///   - headers: they win over those that the client would send by itself, `Authorization` among them.
    /// - Throws: ``ClientError`` where no answer came. A refusal is an answer.
    package func request(
        _ method: ClientMethod,
        _ path: String,
        headers: [String: String] = [:],
        body: ClientBody = .none,
        answerBytesMax: Int = Self.answerBytesMax
    ) async throws -> ClientResponse {
        let outgoing = try body.outgoing()
        var request = HTTPClientRequest(url: baseURL + path)
        request.method = HTTPMethod(rawValue: method.name)
        if let token { request.headers.replaceOrAdd(name: "Authorization", value: "Bearer \(token)") }
        if let mediaType = outgoing?.mediaType { request.headers.replaceOrAdd(name: "Content-Type", value: mediaType) }
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        request.body = outgoing.map(Self.streamed)
        do {
            let response = try await connections.http.execute(request, timeout: TimeAmount(timeout))
            let body = try await response.body.collect(upTo: answerBytesMax)
            return ClientResponse(
                status: Int(response.status.code),
                headers: response.headers.map { (name: $0.name, value: $0.value) },
                body: Array(body.readableBytesView)
            )
        } catch let error where !(error is CancellationError) && !(error is ClientError) {
            throw ClientError(method: method, url: baseURL + path, cause: error)
        }
    }

    /// Closes the connections, also those of clients made from this one. Nothing can be sent afterwards.
    package func shutDown() async {
        // It fails only when it was shut down before, which is what is wanted.
        try? await connections.http.shutdown()
    }

    private static func streamed(_ body: OutgoingBody) -> HTTPClientRequest.Body {
        if let bytes = body.bytes { return .bytes(ByteBuffer(bytes: bytes)) }
        return .stream(BodyStream(pieces: body.pieces), length: .known(body.length))
    }
}

extension Client {
    package func get(_ path: String, headers: [String: String] = [:]) async throws -> ClientResponse {
        try await request(.get, path, headers: headers)
    }

    package func post(_ path: String, _ body: JSONValue, headers: [String: String] = [:]) async throws -> ClientResponse
    {
        try await request(.post, path, headers: headers, body: .json(body))
    }

    package func post(_ path: String, headers: [String: String] = [:]) async throws -> ClientResponse {
        try await request(.post, path, headers: headers)
    }

    package func put(_ path: String, _ body: JSONValue, headers: [String: String] = [:]) async throws -> ClientResponse
    {
        try await request(.put, path, headers: headers, body: .json(body))
    }

    package func delete(_ path: String, headers: [String: String] = [:]) async throws -> ClientResponse {
        try await request(.delete, path, headers: headers)
    }
}

/// A request's method; any token may be tried.
package struct ClientMethod: Sendable, Hashable, ExpressibleByStringLiteral {
    package let name: String

    package init(_ name: String) { self.name = name }
    package init(stringLiteral name: String) { self.name = name }

    package static let get: Self = "GET"
    package static let head: Self = "HEAD"
    package static let post: Self = "POST"
    package static let put: Self = "PUT"
    package static let patch: Self = "PATCH"
    package static let delete: Self = "DELETE"
    package static let options: Self = "OPTIONS"
}

/// The connections that clients share.
private final class Connections: Sendable {
    let http: HTTPClient

    init(_ http: HTTPClient) { self.http = http }

    /// An HTTPClient that goes without having been shut down ends the process, and with it every other test of a test run.
    deinit {
        Task { [http] in try? await http.shutdown() }
    }
}
