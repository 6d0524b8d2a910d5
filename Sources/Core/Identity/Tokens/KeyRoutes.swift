import Foundation
import HTTPTypes
import Modules
import NIOCore
import Secrets

extension IdentityModule {
    /// The public keys, for those who verify our tokens themselves.
    var keyRoutes: [Route] {
        [
            .get(
                "/.well-known/jwks.json", "The public keys that access tokens are signed with", requires: .public,
                .header(.ifNoneMatch)
            ) {
                (_, known: String?) in try KeySet(try await keys.published(), known: known)
            }
        ]
    }
}

/// A key set on its way out, with what a cache needs to know.
struct KeySet: ResponseConvertible {
    private let keys: JSONWebKeys
    private let tag: String
    private let isKnown: Bool

    /// - Parameter known: the tags that the client has, as `If-None-Match` lists them.
    init(_ keys: JSONWebKeys, known: String?) throws(Problem) {
        self.keys = keys
        tag = "\"\(Digest.hex(keys.keys.map(\.kid).joined(separator: " ")).prefix(32))\""
        // Weak comparison (RFC 9110, section 13.1.2).
        let tags = (known ?? "").split(separator: ",").map { $0.filter { $0 != " " } }.map {
            $0.hasPrefix("W/") ? String($0.dropFirst(2)) : $0
        }
        isKnown = tags.contains(tag) || tags == ["*"]
    }

    static var documented: [DocumentedResponse] {
        JSONWebKeys.documented + [DocumentedResponse(304, "Not modified: the keys are those that the client has")]
    }

    func response() throws(Problem) -> Response {
        var response = isKnown ? Response(status: .notModified) : try keys.response()
        response.headers[.eTag] = tag
        response.headers[.cacheControl] = "public, max-age=\(SigningKey.cacheLifetime.components.seconds)"
        return response
    }
}
