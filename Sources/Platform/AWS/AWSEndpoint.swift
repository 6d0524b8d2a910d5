import Foundation

/// Where the services of AWS are: at the hosts of their regions, or all at one URL, such as that of a test server.
package struct AWSEndpoint: Sendable, Hashable {
    /// An invalid `AWS_ENDPOINT_URL`.
    package struct ParseError: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    private let override: String?

    /// The hosts of AWS.
    package static let amazon = AWSEndpoint(override: nil)

    private init(override: String?) { self.override = override }

    /// - Parameter url: `http` or `https`, a host and an optional port: the form of `AWS_ENDPOINT_URL`.
    package init(url: String) throws(ParseError) {
        guard let parts = URLComponents(string: url), parts.scheme == "http" || parts.scheme == "https",
            let host = parts.host, !host.isEmpty
        else { throw ParseError(description: "is no URL that begins with http:// or https://") }
        guard parts.path.isEmpty || parts.path == "/", parts.query == nil, parts.fragment == nil, parts.user == nil,
            parts.password == nil
        else { throw ParseError(description: "has something other than a host and a port") }
        override = url.hasSuffix("/") ? String(url.dropLast()) : url
    }

    /// The URL of a service without a slash at its end.
    func url(of service: String, in region: AWSRegion) -> String {
        override ?? "https://\(service).\(region.name).\(region.domain)"
    }

    /// The `Host` field of requests to a service.
    func host(of service: String, in region: AWSRegion) -> String {
        let url = url(of: service, in: region)
        return url.split(separator: "://", maxSplits: 1).last.map(String.init) ?? url
    }
}
