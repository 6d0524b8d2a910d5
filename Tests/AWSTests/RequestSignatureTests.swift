import Base
import Foundation
import TestKit
import Testing

@testable import AWS

/// The test suite that AWS publishes (`Tests/Cases/aws`).
@Suite struct RequestSignatureTests {
    struct Vector: Decodable, Sendable, CustomTestStringConvertible {
        let name: String
        /// As sent, with lines that end in a line feed.
        let request: String
        let normalize: Bool
        let signBody: Bool
        let token: String?
        let omitSessionToken: Bool?
        let canonicalRequest: String
        let stringToSign: String
        let signature: String
        var testDescription: String { name }
    }

    static let vectors: [Vector] = {
        let file = Repository.url("Tests/Cases/aws/sigv4.json")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return (try? decoder.decode([Vector].self, from: Data(contentsOf: file))) ?? []
    }()

    private static let credentials = AWSCredentials(
        trusted: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", sessionToken: nil)

    @Test func `there are all vectors`() { #expect(Self.vectors.count == 38) }

    @Test(arguments: vectors)
    func `a signature matches the vector of AWS`(_ vector: Vector) throws {
        let time = try #require(Instant("2015-08-30T12:36:00Z"))
        var request = try Self.request(vector)
        request.headers.append((name: "X-Amz-Date", value: RequestSignature.timestamp(time)))
        if vector.signBody {
            let hash = try #require(vector.canonicalRequest.split(separator: "\n").last)
            request.headers.append((name: "X-Amz-Content-Sha256", value: String(hash)))
        }
        if let token = vector.token, vector.omitSessionToken != true {
            request.headers.append((name: "X-Amz-Security-Token", value: token))
        }
        let signature = RequestSignature(
            of: request, with: Self.credentials, service: "service", region: "us-east-1", at: time)
        #expect(signature.canonicalRequest == vector.canonicalRequest)
        #expect(signature.stringToSign == vector.stringToSign)
        #expect(signature.text == vector.signature)
        #expect(
            signature.authorization.hasPrefix(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="))
        #expect(signature.authorization.hasSuffix(", Signature=\(vector.signature)"))
    }

    /// Parses the text of a request: a request line, header fields, which may be folded, and a body.
    private static func request(_ vector: Vector) throws -> RequestSignature.Request {
        let parts = vector.request.components(separatedBy: "\n\n")
        var lines = parts[0].components(separatedBy: "\n").filter { !$0.isEmpty }
        let line = lines.removeFirst()
        // Paths of the suite contain spaces.
        let method = try #require(line.split(separator: " ").first)
        let target = line.dropFirst(method.count + 1).dropLast(" HTTP/1.1".count)
        let address = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var headers: [(name: String, value: String)] = []
        for field in lines {
            if field.hasPrefix(" "), let last = headers.popLast() {
                headers.append((name: last.name, value: last.value + "\n" + field))
            } else {
                let parts = field.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
                headers.append((name: String(parts[0]), value: String(parts[1])))
            }
        }
        let query = (address.count == 1 ? [] : address[1].split(separator: "&")).map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (
                name: parts[0].removingPercentEncoding ?? "",
                value: parts.count == 2 ? parts[1].removingPercentEncoding ?? "" : ""
            )
        }
        return RequestSignature.Request(
            method: String(method), path: String(address[0]), query: query, headers: headers,
            body: Array(parts.dropFirst().joined(separator: "\n\n").utf8), isPathNormalized: vector.normalize)
    }
}
