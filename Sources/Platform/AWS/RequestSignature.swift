import Base
import Foundation
import Secrets

/// A signature of a request to AWS, Signature Version 4
/// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).
struct RequestSignature {
    /// A request before it is signed.
    struct Request {
        var method: String
        /// Decoded, beginning with a slash.
        var path: String
        /// Decoded names and values.
        var query: [(name: String, value: String)] = []
        /// Every header field that the request has when it is sent, `Host` and `X-Amz-Date` among them. All are signed.
        var headers: [(name: String, value: String)]
        var body: [UInt8]
        /// Whether empty and relative segments of the path are resolved. All services but S3 do so.
        var isPathNormalized = true
    }

    /// What the signed hash is computed of.
    let canonicalRequest: String
    let stringToSign: String
    /// 64 hexadecimal digits.
    let text: String
    /// The value of the `Authorization` field.
    let authorization: String

    private static let algorithm = "AWS4-HMAC-SHA256"

    /// - Parameter time: the one of `X-Amz-Date`.
    init(of request: Request, with credentials: AWSCredentials, service: String, region: String, at time: Instant) {
        let fields = Self.canonical(request.headers)
        let names = fields.map(\.name).joined(separator: ";")
        canonicalRequest = [
            request.method,
            Self.canonical(path: request.path, isNormalized: request.isPathNormalized),
            Self.canonical(query: request.query),
            fields.map { "\($0.name):\($0.value)\n" }.joined(),
            names,
            Hex.encode(Digest.sha256(request.body)),
        ].joined(separator: "\n")
        let timestamp = Self.timestamp(time)
        let day = String(timestamp.prefix(8))
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        stringToSign = [Self.algorithm, timestamp, scope, Digest.hex(canonicalRequest)].joined(separator: "\n")
        var key = Array("AWS4\(credentials.secretAccessKey)".utf8)
        for part in [day, region, service, "aws4_request"] {
            key = MessageAuthentication.code(Array(part.utf8), key: key)
        }
        text = Hex.encode(MessageAuthentication.code(Array(stringToSign.utf8), key: key))
        let credential = "\(credentials.accessKeyID)/\(scope)"
        authorization = "\(Self.algorithm) Credential=\(credential), SignedHeaders=\(names), Signature=\(text)"
    }

    /// The basic format of ISO 8601, such as `20150830T123600Z`: the value of `X-Amz-Date`.
    static func timestamp(_ time: Instant) -> String {
        Instant(seconds: time.seconds).description.filter { $0 != "-" && $0 != ":" }
    }

    /// Percent-encoded, except for the unreserved characters of RFC 3986.
    static func encoded(_ text: some StringProtocol) -> String {
        text.addingPercentEncoding(withAllowedCharacters: unreserved) ?? ""
    }

    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

    private static func canonical(path: String, isNormalized: Bool) -> String {
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        guard isNormalized else { return segments.map(encoded).joined(separator: "/") }
        var kept: [Substring] = []
        for segment in segments where !segment.isEmpty && segment != "." {
            if segment == ".." { _ = kept.popLast() } else { kept.append(segment) }
        }
        let isFolder = segments.last.map { $0.isEmpty || $0 == "." || $0 == ".." } ?? true
        return "/" + kept.map(encoded).joined(separator: "/") + (isFolder && !kept.isEmpty ? "/" : "")
    }

    /// Sorted by the bytes of the encoded names, then of the encoded values.
    private static func canonical(query: [(name: String, value: String)]) -> String {
        query.map { (name: encoded($0.name), value: encoded($0.value)) }
            .sorted { ($0.name, $0.value) < ($1.name, $1.value) }
            .map { "\($0.name)=\($0.value)" }
            .joined(separator: "&")
    }

    /// Names in lower case and sorted; values with single spaces; equal names joined by commas in their order.
    private static func canonical(_ headers: [(name: String, value: String)]) -> [(name: String, value: String)] {
        var values: [String: [String]] = [:]
        for (name, value) in headers {
            let words = value.split { $0 == " " || $0 == "\t" || $0 == "\n" || $0 == "\r\n" }
            values[name.lowercased(), default: []].append(words.joined(separator: " "))
        }
        return values.map { (name: $0.key, value: $0.value.joined(separator: ",")) }.sorted { $0.name < $1.name }
    }
}
