import AsyncHTTPClient
import Base
import NIOCore
import NIOHTTP1
package import OpenTelemetry
import TLS

/// Sends requests to other services over HTTP/1.1, with bounds on sizes, times and connections.
///
/// It follows no redirects, retries nothing and decompresses nothing: what a service answers is what the caller gets.
/// Connections are closed by ``shutDown()``, or when the client is released.
package final class OutboundClient: Sendable {
    package struct Settings: Sendable {
        /// Open connections to one host; further requests wait for one.
        package var connectionsPerHost = 16
        /// From the look-up of the name to the end of the TLS handshake.
        package var connectTimeout: Duration = .seconds(5)
        /// Without a byte from the service, while its response is awaited or read.
        package var idleTimeout: Duration = .seconds(60)
        /// False accepts any certificate, for a server of this machine to which nothing secret is sent.
        package var verifiesCertificates = true
        /// Traces the requests, and sends `traceparent` with them: for services of the operator's, not for URLs of
        /// users. Nil for none.
        package var tracer: OTLPTracer?

        package init() {}
    }

    private let http: HTTPClient
    private let tracer: OTLPTracer?

    package convenience init(_ settings: Settings = Settings()) {
        self.init(settings) { _ in }
    }

    /// A client of one host, which connects to `address` whatever the name's addresses are.
    convenience init(host: String, at address: NetworkAddress) {
        var settings = Settings()
        // A tool of another server may work for a while; requests have a time of their own as well.
        settings.idleTimeout = .seconds(60)
        self.init(settings) { configuration in
            configuration.dnsOverride = [host: address.text]
            // A host that the URL spells in another way would be looked up again.
            configuration.http1_1ConnectionDebugInitializer = { channel in
                guard channel.remoteAddress?.ipAddress.flatMap({ NetworkAddress($0) }) == address else {
                    return channel.close().flatMapThrowing { throw WrongAddress() }
                }
                return channel.eventLoop.makeSucceededVoidFuture()
            }
        }
    }

    private struct WrongAddress: Error {}

    private init(_ settings: Settings, change: (inout HTTPClient.Configuration) -> Void) {
        var configuration = HTTPClient.Configuration()
        configuration.timeout = .init(
            connect: TimeAmount(settings.connectTimeout), read: TimeAmount(settings.idleTimeout))
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = settings.connectionsPerHost
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        configuration.httpVersion = .http1Only
        if !settings.verifiesCertificates { configuration.tlsConfiguration = ClientTLS.unverifiedConfiguration }
        change(&configuration)
        tracer = settings.tracer
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Releasing an HTTPClient that was not shut down is a fatal error.
    deinit {
        Task { [http] in try? await http.shutdown() }
    }

    /// Sends one request and reads its whole response.
    /// - Returns: the response, with any status.
    /// - Throws: ``OutboundFailure`` where there is no complete response.
    package func send(_ request: OutboundRequest) async throws(OutboundFailure) -> OutboundResponse {
        guard let tracer else { return try await exchange(request) }
        let call = OutboundCall(request, tracer)
        do throws(OutboundFailure) {
            let response = try await exchange(call.request)
            call.note(status: response.status)
            call.end()
            return response
        } catch {
            call.end(with: error)
            throw error
        }
    }

    private func exchange(_ request: OutboundRequest) async throws(OutboundFailure) -> OutboundResponse {
        let deadline = NIODeadline.now() + TimeAmount(request.timeout)
        do {
            let response = try await http.execute(request.converted, deadline: deadline)
            let body = try await read(response.body, of: request, by: deadline)
            return OutboundResponse(
                status: Int(response.status.code),
                headers: response.headers.map { (name: $0.name, value: $0.value) },
                body: body)
        } catch {
            throw OutboundFailure(error)
        }
    }

    /// Sends one request, and returns when the head of its response has arrived. `timeout` is until then, and
    /// `responseBytesMax` is not used.
    /// - Throws: ``OutboundFailure`` where there is no response.
    package func open(_ request: OutboundRequest) async throws(OutboundFailure) -> OutboundStream {
        guard let tracer else { return try await head(of: request, nil) }
        let call = OutboundCall(request, tracer)
        do throws(OutboundFailure) {
            return try await head(of: call.request, call)
        } catch {
            call.end(with: error)
            throw error
        }
    }

    private func head(of request: OutboundRequest, _ call: OutboundCall?) async throws(OutboundFailure)
        -> OutboundStream
    {
        do {
            return OutboundStream(
                try await http.execute(request.converted, deadline: .now() + TimeAmount(request.timeout)), call)
        } catch {
            throw OutboundFailure(error)
        }
    }

    /// Closes the connections. Later requests fail.
    package func shutDown() async {
        // It fails only where it was shut down before.
        try? await http.shutdown()
    }

    /// The deadline of `execute` ends with the head of the response.
    private func read(_ body: HTTPClientResponse.Body, of request: OutboundRequest, by deadline: NIODeadline)
        async throws -> [UInt8]
    {
        var bytes: [UInt8] = []
        for try await chunk in body {
            guard bytes.count + chunk.readableBytes <= request.responseBytesMax else {
                throw NIOTooManyBytesError(maxBytes: request.responseBytesMax)
            }
            guard NIODeadline.now() < deadline else { throw HTTPClientError.deadlineExceeded }
            bytes += chunk.readableBytesView
        }
        return bytes
    }
}

extension OutboundRequest {
    fileprivate var converted: HTTPClientRequest {
        var request = HTTPClientRequest(url: url)
        request.method = HTTPMethod(rawValue: method)
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.body = body?.content
        return request
    }
}
