package import NIOCore
package import NIOSSL

/// TLS of connections that this process opens.
package struct ClientTLS: Sendable {
    private let context: NIOSSLContext

    /// - Parameter authorities: the path of a PEM file of the certificates to trust; nil for the system's. Blocks.
    package init(authorities: String?) throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        if let authorities { configuration.trustRoots = .file(authorities) }
        context = try NIOSSLContext(configuration: configuration)
    }

    private init(_ configuration: TLSConfiguration) throws { context = try NIOSSLContext(configuration: configuration) }

    /// The first handler of a connection to `host`, which is also the name that its certificate must have.
    package func handler(for host: String) throws -> any ChannelHandler {
        try NIOSSLClientHandler(context: context, serverHostname: Self.isAddress(host) ? nil : host)
    }

    /// Any certificate is accepted: for a server of this machine, to which nothing secret is sent.
    package static func unverified() throws -> ClientTLS { try ClientTLS(unverifiedConfiguration) }

    /// As ``unverified()``, for libraries that take a configuration.
    package static var unverifiedConfiguration: TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        return configuration
    }

    /// Whether a connection failed in TLS, whose errors list source files of the library.
    package static func isFault(_ error: any Error) -> Bool {
        error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError
    }

    private static func isAddress(_ host: String) -> Bool { (try? SocketAddress(ipAddress: host, port: 0)) != nil }
}
