package import Base
import NIOCore
import Outbound

/// An HTTP client of the service, for the tour, the tests and the bench.
///
/// A client is a value. ``signedIn(with:)`` returns another one with another token and the same connections. They are
/// closed by ``shutDown()`` on any of these clients, or when the last of them is released.
package struct Client: Sendable {
    /// The URL of the service without a slash at the end: `http://127.0.0.1:8080`.
    package let baseURL: String
    /// The bearer token of requests, if any.
    package var token: String?
    private let timeout: Duration
    private let outbound: OutboundClient

    /// The default limit of the body of a response, in bytes.
    package static let responseBytesMax = 64 << 20

    /// - Parameters:
    ///   - connections: the number of open connections; further requests wait for one.
    ///   - timeout: of one request and its whole response.
    ///   - verifiesCertificates: false accepts any certificate, for a server of this machine to which nothing secret is
    ///     sent.
    package init(
        baseURL: String, connections: Int = 16, timeout: Duration = .seconds(60), verifiesCertificates: Bool = true
    ) {
        self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
        self.timeout = timeout
        var settings = OutboundClient.Settings()
        settings.connectionsPerHost = connections
        settings.idleTimeout = timeout
        settings.verifiesCertificates = verifiesCertificates
        outbound = OutboundClient(settings)
    }

    /// The same client with this access token, or without one.
    package func signedIn(with token: String?) -> Client {
        var client = self
        client.token = token
        return client
    }

    /// Sends one request and reads its whole response.
    /// - Parameters:
    ///   - path: the part of the URL after ``baseURL``, beginning with a slash; it is not percent-encoded.
    ///   - headers: they replace the client's own headers, including `Authorization`.
    /// - Returns: the response, with any status.
    /// - Throws: ``ClientError`` where there is no response; ``UnreadableFile``; an encoding error of the body.
    package func request(
        _ method: ClientMethod,
        _ path: String,
        headers: [String: String] = [:],
        body: ClientBody = .none,
        responseBytesMax: Int = Self.responseBytesMax
    ) async throws -> ClientResponse {
        let outgoing = try body.outgoing()
        do throws(OutboundFailure) {
            let response = try await outbound.send(
                OutboundRequest(
                    method.name,
                    baseURL + path,
                    headers: fields(headers, mediaType: outgoing?.mediaType),
                    body: outgoing.map(Self.streamed),
                    timeout: timeout,
                    responseBytesMax: responseBytesMax))
            return ClientResponse(status: response.status, headers: response.headers, body: response.body)
        } catch {
            throw failure(error, method, path)
        }
    }

    /// Reads a response that lasts, such as NDJSON, line by line. Empty lines are skipped.
    /// - Parameter body: called with each line; returns false to stop reading.
    /// - Returns: a response with another status than 200; nil where the response has ended or `body` has stopped.
    /// - Throws: ``ClientError`` where there is no response, or the connection breaks; an error of `body`.
    package func lines(
        _ path: String, headers: [String: String] = [:], _ body: (String) throws -> Bool
    ) async throws -> ClientResponse? {
        let stream: OutboundStream
        do throws(OutboundFailure) {
            stream = try await outbound.open(
                OutboundRequest("GET", baseURL + path, headers: fields(headers), timeout: timeout))
            guard stream.status == 200 else {
                let body = try await stream.collect(upTo: Self.responseBytesMax)
                return ClientResponse(status: stream.status, headers: stream.headers, body: body)
            }
        } catch {
            throw failure(error, .get, path)
        }
        var rest = ByteBuffer()
        do {
            try await stream.read { chunk in
                var chunk = chunk
                rest.writeBuffer(&chunk)
                while let end = rest.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = rest.readString(length: end - rest.readerIndex) ?? ""
                    rest.moveReaderIndex(forwardBy: 1)
                    if !line.isEmpty, try !body(line) { return false }
                }
                return true
            }
        } catch let error as OutboundFailure {
            throw failure(error, .get, path)
        }
        return nil
    }

    /// Closes the connections, which clients of ``signedIn(with:)`` share. Later requests fail.
    package func shutDown() async { await outbound.shutDown() }

    /// The given header fields, and the client's own ones that they do not replace.
    private func fields(_ headers: [String: String], mediaType: String? = nil) -> [(name: String, value: String)] {
        let own = [("Authorization", token.map { "Bearer \($0)" }), ("Content-Type", mediaType)]
        let given = Set(headers.keys.map { $0.lowercased() })
        var fields: [(name: String, value: String)] = headers.map { (name: $0.key, value: $0.value) }
        for case (let name, let value?) in own where !given.contains(name.lowercased()) { fields.append((name, value)) }
        return fields
    }

    private func failure(_ error: OutboundFailure, _ method: ClientMethod, _ path: String) -> any Error {
        error.kind == .cancelled
            ? CancellationError() : ClientError(method: method, url: baseURL + path, cause: error.cause)
    }

    private static func streamed(_ body: OutgoingBody) -> OutboundBody {
        body.bytes.map(OutboundBody.bytes) ?? .stream(BodyStream(chunks: body.chunks), length: body.length)
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

/// The method of a request; any token is allowed.
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
