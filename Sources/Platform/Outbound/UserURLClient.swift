import AsyncHTTPClient
import Base
import Foundation
import NIOCore
import Synchronization

/// Sends requests to URLs that users name, and reaches no address that ``AddressPolicy`` does not allow.
///
/// The name is looked up once for a request, every address that it has is checked, and the connection is made to one of
/// those: a second look-up could give another address (DNS rebinding). `Host` and the name in the certificate stay
/// those of the URL. A redirect is a request of its own.
package final class UserURLClient: Sendable {
    /// Addresses of a name that are tried when connections fail.
    static let attemptsMax = 3

    private let policy: AddressPolicy
    private let resolver: AddressResolver
    private let connections = PinnedClients()

    package init(policy: AddressPolicy, resolver: AddressResolver = .system()) {
        self.policy = policy
        self.resolver = resolver
    }

    /// Sends one request and reads its whole response.
    /// - Returns: the response, with any status.
    package func send(_ request: UserURLRequest) async throws(UserURLFailure) -> OutboundResponse {
        try await within(request.timeout) { [self] in try await follow(request) }
    }

    /// Sends one request, and hands on its response as it arrives. Redirects are not followed.
    /// - Parameter use: reads the response, within the time of the request; `responseBytesMax` is its business. The
    ///   connection is closed where it does not read to the end. It throws what reading throws, and nothing else.
    package func open<Result: Sendable>(
        _ request: UserURLRequest, _ use: @escaping @Sendable (OutboundStream) async throws -> Result
    ) async throws(UserURLFailure) -> Result {
        try await within(request.timeout) { [self] in
            try await exchange(request) { client, request in try await use(try await client.open(request)) }
        }
    }

    /// Looks up the host and checks its addresses, as ``send(_:)`` does, without connecting.
    package func check(_ url: UserURL, timeout: Duration = .seconds(5)) async throws(UserURLFailure) {
        _ = try await within(timeout) { [self] in try await addresses(of: url) }
    }

    private func follow(_ request: UserURLRequest) async throws -> OutboundResponse {
        var request = request
        var redirectsLeft = request.redirectsMax
        while true {
            let response = try await exchange(request) { client, request in try await client.send(request) }
            guard request.redirectsMax > 0, ["GET", "HEAD"].contains(request.method),
                [301, 302, 303, 307, 308].contains(response.status), let location = response[header: "Location"]
            else { return response }
            guard redirectsLeft > 0, let next = Self.url(location, from: request.url) else {
                throw UserURLFailure.badRedirect
            }
            redirectsLeft -= 1
            // Fields may hold credentials, which are meant for one host.
            if (next.isHTTPS, next.host, next.port) != (request.url.isHTTPS, request.url.host, request.url.port) {
                request.headers = []
            }
            request.url = next
        }
    }

    /// The target of a redirect: RFC 9110, section 10.2.2. Never from https to http.
    private static func url(_ location: String, from base: UserURL) -> UserURL? {
        let reference = location.prefix { $0 != "#" }
        guard reference.utf8.count <= UserURL.bytesMax,
            let url = URL(string: String(reference), relativeTo: URL(string: base.description))?.absoluteURL,
            let next = try? UserURL(url.absoluteString), next.isHTTPS || !base.isHTTPS
        else { return nil }
        return next
    }

    /// The request to one of the addresses of its host; to the next one where a connection cannot be made.
    private func exchange<Response>(
        _ request: UserURLRequest, _ send: (OutboundClient, OutboundRequest) async throws -> Response
    ) async throws -> Response {
        var addresses = try await addresses(of: request.url).prefix(Self.attemptsMax)
        while let address = addresses.popFirst() {
            let client = connections.client(of: request.url.host, at: address)
            // Releasing the client closes its connections.
            defer { withExtendedLifetime(client) {} }
            do { return try await send(client, request.converted) } catch let failure as OutboundFailure {
                guard failure.kind == .unreachable, !addresses.isEmpty else { throw failure }
            }
        }
        throw UserURLFailure.unknownHost
    }

    /// The addresses of the host, which all may be reached.
    private func addresses(of url: UserURL) async throws -> [NetworkAddress] {
        let addresses = if let address = url.address { [address] } else { try await resolver.addresses(url.host) }
        guard !addresses.isEmpty else { throw UserURLFailure.unknownHost }
        // What is sent in the clear stays in networks of the operator.
        guard addresses.allSatisfy(url.isHTTPS ? policy.allows : policy.isAllowedByOperator) else {
            throw UserURLFailure.notAllowed
        }
        return addresses
    }

    /// Runs `work`, and cancels it when the time has passed.
    private func within<Result: Sendable>(
        _ limit: Duration, _ work: @escaping @Sendable () async throws -> Result
    ) async throws(UserURLFailure) -> Result {
        do {
            return try await withThrowingTaskGroup(of: Result.self) { group in
                group.addTask { try await work() }
                group.addTask {
                    try await Task.sleep(for: limit)
                    throw UserURLFailure.failed(.timedOut)
                }
                defer { group.cancelAll() }
                guard let first = try await group.next() else { throw CancellationError() }
                return first
            }
        } catch let failure as UserURLFailure {
            throw failure
        } catch let failure as OutboundFailure {
            throw .failed(failure.kind)
        } catch is CancellationError {
            throw .failed(.cancelled)
        } catch {
            // The resolver failed.
            throw .unknownHost
        }
    }
}

extension UserURLRequest {
    /// Fields that belong to one connection or to the framing of the message: RFC 9110, sections 7.2 and 7.6.1.
    private static let connectionFields: Set<String> = [
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    ]

    fileprivate var converted: OutboundRequest {
        OutboundRequest(
            method, url.description,
            headers: [(name: "Host", value: url.hostField)]
                + headers.filter { !Self.connectionFields.contains($0.name.lowercased()) },
            body: body.map { .bytes($0) }, timeout: timeout, responseBytesMax: responseBytesMax)
    }
}
