import HTTPTypes
import Modules
import Secrets

/// The public keys, for services that verify access tokens themselves.
struct JSONWebKeyRoutes {
    let keys: KeyRing

    var routes: [Route] {
        [
            .get(
                "/.well-known/jwks.json", "Get the public keys that sign access tokens", requires: .public,
                .header(.ifNoneMatch)
            ) { [keys] _, known in
                try JSONWebKeySetResponse(try await keys.published(), known: known)
            }
        ]
    }
}

/// A key set with its `ETag` and `Cache-Control`.
struct JSONWebKeySetResponse: ResponseConvertible {
    private let keys: JSONWebKeySet
    private let tag: String
    private let isKnown: Bool

    /// - Parameter known: the request's `If-None-Match`.
    init(_ keys: JSONWebKeySet, known: String?) throws(Problem) {
        self.keys = keys
        tag = "\"\(Digest.hex(keys.keys.map(\.kid).joined(separator: " ")).prefix(32))\""
        // Weak comparison (RFC 9110, section 13.1.2).
        let tags = (known ?? "").split(separator: ",").map { $0.filter { $0 != " " } }.map {
            $0.hasPrefix("W/") ? String($0.dropFirst(2)) : $0
        }
        isKnown = tags.contains(tag) || tags == ["*"]
    }

    static var documented: [DocumentedResponse] {
        JSONWebKeySet.documented + [DocumentedResponse(304, "Not modified")]
    }

    func response() throws(Problem) -> Response {
        var response = isKnown ? Response(status: .notModified) : try keys.response()
        response.headers[.eTag] = tag
        response.headers[.cacheControl] = "public, max-age=\(SigningKey.cacheLifetime.components.seconds)"
        return response
    }
}
