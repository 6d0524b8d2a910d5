import AsyncHTTPClient
import Foundation
import NIOCore
import NIOPosix
import TLS

/// There is no complete response.
package struct OutboundFailure: Error, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// The name has no address, or the connection was refused or not established in time. Nothing was sent.
        case unreachable
        /// No response, or not all of it, in time.
        case timedOut
        /// The response is longer than the request allows.
        case tooLarge
        /// The task was cancelled.
        case cancelled
        /// The connection broke, or the service does not speak HTTP or has no valid certificate.
        case broken
    }

    package let kind: Kind
    package let cause: any Error

    /// Whether the service may have received the request, and done what it asks.
    package var isUnconfirmed: Bool { kind != .unreachable }

    init(_ error: any Error) {
        cause = error
        kind =
            switch error {
            case is CancellationError: .cancelled
            case is NIOTooManyBytesError: .tooLarge
            case is NIOConnectionError: .unreachable
            case let error as IOError where Self.refusals.contains(error.errnoCode): .unreachable
            case let error as HTTPClientError: Self.kind(of: error)
            default: .broken
            }
    }

    package var description: String {
        switch kind {
        case .unreachable: "the service cannot be reached: \(cause)"
        case .timedOut: "the service did not answer in time"
        case .tooLarge: "the response of the service is too large"
        case .cancelled: "the request was cancelled"
        case .broken where ClientTLS.isFault(cause):
            "the handshake of TLS with the service failed: no common version or cipher, or no valid certificate"
        case .broken: "the connection to the service broke: \(cause)"
        }
    }

    private static let refusals: Set<CInt> = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH]

    private static func kind(of error: HTTPClientError) -> Kind {
        switch error {
        case .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout: .unreachable
        case .readTimeout, .writeTimeout, .deadlineExceeded: .timedOut
        case .cancelled: .cancelled
        default: .broken
        }
    }
}
