import Foundation
import Modules
import Secrets

/// A JSON Web Token in compact serialization (RFC 7515, section 3.1): parsed, and not yet verified.
///
/// Segments are base64url in its one canonical spelling, and JSON objects without duplicate names: of two members
/// with one name, parsers disagree which one counts.
struct JSONWebToken: Sendable {
    let header: [String: JSONValue]
    /// The first two segments, which the signature covers.
    let signingInput: String
    /// Nil where the third segment is not base64url.
    let signature: [UInt8]?
    private let claimsSegment: Substring

    /// Tokens of this service have less than a thousand bytes.
    static let bytesMax = 8_192

    /// Why a text is not a token.
    struct Malformed: Error {
        let reason: String
    }

    init(parsing text: String) throws(Malformed) {
        guard text.utf8.count <= Self.bytesMax else {
            throw Malformed(reason: "token is longer than \(Self.bytesMax) bytes")
        }
        let segments = text.split(separator: ".", omittingEmptySubsequences: false)
        guard segments.count == 3 else { throw Malformed(reason: "token contains an invalid number of segments") }
        guard let header = Self.object(segments[0]) else {
            throw Malformed(reason: "could not decode the header")
        }
        self.header = header
        claimsSegment = segments[1]
        signingInput = "\(segments[0]).\(segments[1])"
        signature = Base64URL.decode(segments[2])
    }

    /// Decodes the claims. The signature has to be verified first.
    /// - Returns: nil where the segment is not an object of this type.
    func claims<Claims: Decodable>(as type: Claims.Type) -> Claims? {
        guard Self.object(claimsSegment) != nil, let bytes = Base64URL.decode(claimsSegment) else { return nil }
        return try? JSONDecoder().decode(Claims.self, from: Data(bytes))
    }

    /// - Parameter sign: makes the signature of the first two segments.
    static func serialize(
        header: some Encodable, claims: some Encodable, signedBy sign: (String) throws -> [UInt8]
    ) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let signingInput =
            Base64URL.encode(Array(try encoder.encode(header))) + "."
            + Base64URL.encode(Array(try encoder.encode(claims)))
        return signingInput + "." + Base64URL.encode(try sign(signingInput))
    }

    private static func object(_ segment: Substring) -> [String: JSONValue]? {
        Base64URL.decode(segment).flatMap { try? JSONValue(parsing: $0) }?.object
    }
}
