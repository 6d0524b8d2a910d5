package import Base
import HTTPTypes
import NIOCore

/// A strong entity tag of a body (RFC 9110, section 8.8.3).
package struct EntityTag: Sendable, Hashable {
    /// With its quotation marks.
    package let text: String

    /// A tag of the FNV-1a hash and the size of a body. It tells versions of one document apart; it is no digest.
    package init(of body: some Collection<UInt8>) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in body { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        text = "\"\(String(hash, radix: 16))-\(String(body.count, radix: 16))\""
    }

    /// - Parameter text: with its quotation marks.
    init(text: String) { self.text = text }

    /// Whether a request's `If-None-Match` names the tag. Comparison is weak (RFC 9110, section 13.1.2).
    package func matches(_ condition: String?) -> Bool {
        guard let condition else { return false }
        let tags = condition.split(separator: ",").map { $0.filter { $0 != " " && $0 != "\t" } }
        return tags == ["*"] || tags.contains { $0 == text || $0 == "W/" + text }
    }
}

/// A response with an entity tag: 304 without a body where the client has it already.
package struct Revalidated<Body: ResponseConvertible>: ResponseConvertible {
    let body: Body
    let tag: EntityTag?
    let condition: String?
    let cacheControl: String

    /// - Parameters:
    ///   - tag: nil makes the tag of the body for each response.
    ///   - condition: the request's `If-None-Match`.
    package init(
        _ body: Body, tag: EntityTag? = nil, ifNoneMatch condition: String?, cacheControl: String = "no-cache"
    ) {
        self.body = body
        self.tag = tag
        self.condition = condition
        self.cacheControl = cacheControl
    }

    package static var documented: [DocumentedResponse] {
        Body.documented + [DocumentedResponse(304, "Not modified")]
    }

    package func response() throws(Problem) -> Response {
        var response = try body.response()
        let tag = tag ?? EntityTag(of: response.bufferedBytes)
        if tag.matches(condition) {
            response.status = .notModified
            response.body = .none
            response.headers[.contentType] = nil
        }
        response.headers[.eTag] = tag.text
        response.headers[.cacheControl] = cacheControl
        return response
    }
}

extension Response {
    /// The body, where it is in memory.
    fileprivate var bufferedBytes: ByteBufferView {
        if case .buffer(let buffer) = body { buffer.readableBytesView } else { ByteBuffer().readableBytesView }
    }
}
