import App
import Base
import CryptoExtras
import Foundation
import Modules
import Secrets
import TestKit

@testable import Identity

/// A decoded token that can be changed and signed again.
struct TamperedToken {
    var header: [String: JSONValue]
    var claims: [String: JSONValue]
    let original: [Substring]

    init(of token: String) throws {
        original = token.split(separator: ".")
        header = try Self.members(of: original[0])
        claims = try Self.members(of: original[1])
    }

    private static func members(of part: Substring) throws -> [String: JSONValue] {
        try JSONValue(parsing: Base64URL.decode(part) ?? []).object ?? [:]
    }

    /// The changed token with the original signature.
    var unsigned: String { get throws { try head + "." + original[2] } }
    /// The changed token, signed by a key of the server.
    func signed(by key: _RSA.Signing.PrivateKey) throws -> String {
        let text = try head
        return try text + "."
            + Base64URL.encode(
                Array(key.signature(for: Data(text.utf8), padding: .insecurePKCS1v1_5).rawRepresentation))
    }
    /// The changed token, signed with HMAC.
    func signed(withSecret secret: [UInt8]) throws -> String {
        let text = try head
        return text + "." + Base64URL.encode(MessageAuthentication.code(Array(text.utf8), key: secret))
    }

    var head: String {
        get throws {
            func part(_ members: [String: JSONValue]) throws -> String {
                Base64URL.encode(Array(try JSONEncoder().encode(JSONValue.object(members))))
            }
            return try part(header) + "." + part(claims)
        }
    }
}

extension TestApp {
    /// The private key, or the HMAC secret, that the installation signs with.
    func signingSecret() async throws -> [UInt8] {
        let keys = try await app.database.read { try $0.signingKeys() }
        guard let current = keys.first(where: { $0.key.state == .current }) else { throw NoKey() }
        return try sealer.open(current.sealed, context: current.key.id.text)
    }

    func signingKey() async throws -> _RSA.Signing.PrivateKey {
        try _RSA.Signing.PrivateKey(pemRepresentation: String(decoding: await signingSecret(), as: UTF8.self))
    }

    struct NoKey: Error {}
}
