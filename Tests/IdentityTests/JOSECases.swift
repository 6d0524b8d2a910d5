import App
import Base
import Foundation
import Secrets
import TestKit

@testable import Identity

/// One token, and the expected verdict on it.
struct JOSECase: Sendable {
    enum Verdict: Sendable { case accepted, refused, expired }

    let name: String
    let token: String
    var verdict = Verdict.refused
    /// Whether only a rule of the server refuses it: RFC 7519 allows it.
    var isStricter = false
}

/// A token as raw JSON, which allows members that no encoder writes, such as duplicates.
struct RawToken: Sendable {
    var header: [(name: String, value: String)]
    var claims: [(name: String, value: String)]
    let sign: @Sendable (String) throws -> [UInt8]

    /// - Parameter token: a token of the server, which can then be changed.
    init(of token: String, sign: @escaping @Sendable (String) throws -> [UInt8]) throws {
        let genuine = try TamperedToken(of: token)
        func members(_ object: [String: JSONValue]) throws -> [(name: String, value: String)] {
            try object.sorted { $0.key < $1.key }.map { name, value in
                (name: "\"\(name)\"", value: String(decoding: try JSONEncoder().encode(value), as: UTF8.self))
            }
        }
        header = try members(genuine.header)
        claims = try members(genuine.claims)
        self.sign = sign
    }

    static func text(of members: [(name: String, value: String)]) -> String {
        "{" + members.map { "\($0.name):\($0.value)" }.joined(separator: ",") + "}"
    }

    var headerPart: String { Base64URL.encode(Array(Self.text(of: header).utf8)) }
    var claimsPart: String { Base64URL.encode(Array(Self.text(of: claims).utf8)) }
    var token: String { get throws { try Self.signed(headerPart, claimsPart, by: sign) } }

    static func signed(_ header: String, _ claims: String, by sign: (String) throws -> [UInt8]) throws -> String {
        "\(header).\(claims)." + Base64URL.encode(try sign("\(header).\(claims)"))
    }

    /// - Returns: the token with another value of the member; nil removes it.
    func header(_ name: String, _ value: String?) -> RawToken {
        var token = self
        token.header = Self.changed(header, name, value)
        return token
    }

    func claim(_ name: String, _ value: String?) -> RawToken {
        var token = self
        token.claims = Self.changed(claims, name, value)
        return token
    }

    private static func changed(_ members: [(name: String, value: String)], _ name: String, _ value: String?) -> [(
        name: String, value: String
    )] {
        let others = members.filter { $0.name != "\"\(name)\"" }
        return value.map { others + [(name: "\"\(name)\"", value: $0)] } ?? others
    }
}

/// Tokens with one fault each, made from a valid one.
struct JOSECases {
    let genuine: RawToken
    let algorithm: SigningAlgorithm
    /// Public data of the key.
    let publicTexts: [String]
    let now: Int64

    func all() throws -> [JOSECase] {
        try [JOSECase(name: "genuine", token: genuine.token, verdict: .accepted)] + headers() + keysInHeaders()
            + claims() + times() + segments() + bodies()
            + flips()
    }

    private func headers() throws -> [JOSECase] {
        var cases: [JOSECase] = []
        let names = [
            "none", "None", "NONE", "nOnE", "", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS512",
            "ES256", "ES384", "ES512", "EdDSA",
            "Ed25519",
        ]
        for name in names where name != algorithm.rawValue {
            let changed = genuine.header("alg", "\"\(name)\"")
            cases.append(JOSECase(name: "alg \(name), signed by the server key", token: try changed.token))
            cases.append(
                JOSECase(name: "alg \(name), not signed", token: "\(changed.headerPart).\(changed.claimsPart)."))
        }
        for value in [
            "null", "256", "[\"\(algorithm.rawValue)\"]", "{}", "\"\(algorithm.rawValue) \"",
            "\"\(algorithm.rawValue.lowercased())x\"",
        ] {
            cases.append(JOSECase(name: "alg is \(value)", token: try genuine.header("alg", value).token))
        }
        cases.append(JOSECase(name: "no alg", token: try genuine.header("alg", nil).token))
        for text in publicTexts {
            let confused = genuine.header("alg", "\"HS256\"")
            let token = try RawToken.signed(confused.headerPart, confused.claimsPart) {
                MessageAuthentication.code(Array($0.utf8), key: Array(text.utf8))
            }
            cases.append(JOSECase(name: "HS256 with public data: \(text.prefix(20))", token: token))
        }
        for value in [
            "null", "7", "\"\"", "\"00000000-0000-7000-8000-000000000000\"", "\"../../dev/null\"", "\"' OR '1'='1\"",
            "[]",
        ] {
            cases.append(
                JOSECase(name: "kid is \(value)", token: try genuine.header("kid", value).token, isStricter: true))
        }
        cases.append(JOSECase(name: "no kid", token: try genuine.header("kid", nil).token, isStricter: true))
        for value in ["\"JWT\"", "\"jwt\"", "\"at+jwt \"", "\"logout+jwt\"", "null", "1"] {
            cases.append(
                JOSECase(name: "typ is \(value)", token: try genuine.header("typ", value).token, isStricter: true))
        }
        cases.append(JOSECase(name: "no typ", token: try genuine.header("typ", nil).token, isStricter: true))
        return cases
    }

    /// Header members that ask the verifier to use another key, encoding or extension.
    private func keysInHeaders() throws -> [JOSECase] {
        let members = [
            ("crit", "[\"exp\"]"), ("crit", "[]"), ("crit", "[\"http://example.org/unknown\"]"), ("crit", "\"exp\""),
            ("b64", "false"),
            ("jku", "\"https://attacker.example/jwks.json\""), ("x5u", "\"https://attacker.example/chain.pem\""),
            ("jwk", "{\"kty\":\"oct\",\"k\":\"AAAA\"}"),
            ("x5c", "[\"MIIB\"]"), ("x5t", "\"AAAA\""), ("cty", "\"JWT\""), ("zip", "\"DEF\""), ("unknown", "1"),
        ]
        var cases = try members.map { name, value in
            JOSECase(name: "\(name) is \(value)", token: try genuine.header(name, value).token, isStricter: true)
        }
        for (name, value) in [
            ("alg", "\"none\""), ("alg", "\"\(algorithm.rawValue)\""), ("kid", "\"x\""), ("typ", "\"JWT\""),
        ] {
            var before = genuine
            before.header.insert((name: "\"\(name)\"", value: value), at: 0)
            cases.append(JOSECase(name: "\(name) twice, \(value) first", token: try before.token, isStricter: true))
        }
        var escaped = genuine
        escaped.header.append((name: "\"\\u0061lg\"", value: "\"none\""))
        cases.append(JOSECase(name: "alg twice, once escaped", token: try escaped.token, isStricter: true))
        return cases
    }

    private func claims() throws -> [JOSECase] {
        var cases: [JOSECase] = []
        let invalid = [
            ("iss", "\"http://localhost:9090\""), ("iss", "\"http://localhost:8080/\""), ("iss", "\"\""),
            ("iss", "null"),
            ("iss", "[\"http://localhost:8080\"]"),
            ("aud", "\"other\""), ("aud", "\"\""), ("aud", "null"), ("aud", "[]"), ("aud", "[\"other\"]"),
            ("aud", "{}"), ("exp", "\"tomorrow\""),
            ("exp", "null"),
            ("exp", "true"), ("iat", "\"now\""), ("sub", "7"),
        ]
        for (name, value) in invalid {
            cases.append(
                JOSECase(
                    name: "\(name) is \(value)", token: try genuine.claim(name, value).token,
                    isStricter: name == "iss" && value.hasPrefix("[")))
        }
        // Rules of the server only: its own ids and roles, and exactly one audience.
        let stricter = [
            ("aud", "[\"gatehouse\"]"), ("aud", "[\"gatehouse\",\"other\"]"), ("sub", "\"unknown\""), ("sub", "\"\""),
            ("sub", "\"00000000-0000-7000-8000-00000000000\u{200b}0\""), ("sid", "\"x\""), ("sid", "null"),
            ("org", "\"\""), ("org", "{}"),
            ("role", "\"unknown\""),
            ("role", "\"Admin\""), ("role", "[\"admin\"]"), ("csrf", "7"), ("roles", "\"admin\""), ("iat", "\(now).5"),
            ("exp", "\(now + 60).5"),
            ("exp", "1e300"),
            ("exp", "99999999999"), ("exp", "\(Int64.max)"), ("iat", "\(Int64.min)0"),
        ]
        for (name, value) in stricter {
            cases.append(
                JOSECase(name: "\(name) is \(value)", token: try genuine.claim(name, value).token, isStricter: true))
        }
        for name in ["iss", "aud", "exp", "iat", "sub"] {
            cases.append(JOSECase(name: "no \(name)", token: try genuine.claim(name, nil).token))
        }
        for name in ["sid", "org", "role", "csrf"] {
            cases.append(JOSECase(name: "no \(name)", token: try genuine.claim(name, nil).token, isStricter: true))
        }
        for (name, value) in [("sub", "\"x\""), ("exp", "\(now - 1)"), ("role", "\"user\""), ("role", "\"admin\"")] {
            var twice = genuine
            twice.claims.insert((name: "\"\(name)\"", value: value), at: 0)
            cases.append(JOSECase(name: "\(name) twice, \(value) first", token: try twice.token, isStricter: true))
        }
        cases.append(
            JOSECase(
                name: "an additional claim", token: try genuine.claim("nickname", "\"\u{1F511} ключ\"").token,
                verdict: .accepted))
        return cases
    }

    private func times() throws -> [JOSECase] {
        try [
            JOSECase(name: "expires in a second", token: genuine.claim("exp", "\(now + 1)").token, verdict: .accepted),
            JOSECase(name: "expires now", token: genuine.claim("exp", "\(now)").token, verdict: .expired),
            JOSECase(name: "expired a second ago", token: genuine.claim("exp", "\(now - 1)").token, verdict: .expired),
            JOSECase(name: "expired in 1970", token: genuine.claim("exp", "0").token, verdict: .expired),
            JOSECase(name: "expired before 1970", token: genuine.claim("exp", "-1").token),
            JOSECase(name: "issued in an hour", token: genuine.claim("iat", "\(now + 3_600)").token),
            JOSECase(name: "issued beyond the clock skew", token: genuine.claim("iat", "\(now + 61)").token),
            JOSECase(
                name: "issued within the clock skew", token: genuine.claim("iat", "\(now + 60)").token,
                verdict: .accepted),
        ]
    }

    private func segments() throws -> [JOSECase] {
        let token = try genuine.token
        let parts = token.split(separator: ".").map(String.init)
        var cases = [
            JOSECase(name: "empty", token: ""), JOSECase(name: "dots", token: ".."),
            JOSECase(name: "one part", token: parts[0]),
            JOSECase(name: "two parts", token: parts[0] + "." + parts[1]),
            JOSECase(name: "four parts", token: token + "." + parts[2]),
            JOSECase(name: "five parts, as if encrypted", token: "\(token).\(parts[1]).\(parts[2])"),
            JOSECase(name: "a trailing dot", token: token + "."),
            JOSECase(name: "a leading dot", token: "." + token),
            JOSECase(name: "a full-width dot", token: parts.joined(separator: "\u{ff0e}")),
            JOSECase(name: "no signature", token: "\(parts[0]).\(parts[1])."),
            JOSECase(name: "no claims", token: "\(parts[0])..\(parts[2])"),
            JOSECase(name: "no header", token: ".\(parts[1]).\(parts[2])"),
            JOSECase(
                name: "claims of another token",
                token: "\(parts[0]).\(genuine.claim("role", "\"admin\"").claimsPart).\(parts[2])"),
        ]
        for index in parts.indices {
            func changed(_ name: String, _ text: String, isStricter: Bool = false) -> JOSECase {
                var parts = parts
                parts[index] = text
                return JOSECase(
                    name: "part \(index): \(name)", token: parts.joined(separator: "."), isStricter: isStricter)
            }
            let part = parts[index]
            cases += [
                changed(
                    "padded",
                    part
                        + String(
                            repeating: "=", count: (4 - part.utf8.count % 4) % 4 == 0 ? 4 : 4 - part.utf8.count % 4),
                    isStricter: true),
                changed("one character less", String(part.dropLast())),
                changed("four characters less", String(part.dropLast(4))), changed("one character more", part + "A"),
                changed("four characters more", part + "AAAA"), changed("a plus", "+" + part.dropFirst()),
                changed("a percent sign", part.dropLast() + "%41"),
                changed("confusable characters", part.replacing("a", with: "а").replacing("e", with: "е") + "і"),
                changed("a line break", part + "%0A"),
            ]
            if let alternative = Self.alternativeEncoding(of: part) {
                cases.append(changed("another encoding of the same bytes", alternative, isStricter: index == 2))
            }
        }
        return cases
    }

    /// Another base64url text of the same bytes: the last character has unused bits.
    private static func alternativeEncoding(of part: String) -> String? {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        guard part.utf8.count % 4 != 0, let last = part.last, let index = alphabet.firstIndex(of: last) else {
            return nil
        }
        return part.dropLast() + String(alphabet[index ^ 1])
    }

    private func bodies() throws -> [JOSECase] {
        let token = try genuine.token
        func claimsPart(_ name: String, _ bytes: [UInt8], isStricter: Bool = false) throws -> JOSECase {
            JOSECase(
                name: name, token: try RawToken.signed(genuine.headerPart, Base64URL.encode(bytes), by: genuine.sign),
                isStricter: isStricter)
        }
        let claims = RawToken.text(of: genuine.claims)
        return try [
            claimsPart("a nested token", Array(token.utf8)),
            claimsPart("a nested token, quoted", Array("\"\(token)\"".utf8)),
            claimsPart("a list", Array("[\(claims)]".utf8)),
            claimsPart("null", Array("null".utf8)), claimsPart("no claims object", []),
            claimsPart("a truncated object", Array(claims.dropLast().utf8)),
            claimsPart("trailing data", Array((claims + "{}").utf8)),
            claimsPart("a byte order mark", [0xef, 0xbb, 0xbf] + Array(claims.utf8), isStricter: true),
            claimsPart(
                "invalid UTF-8",
                Array(claims.dropLast().utf8) + Array(",\"x\":\"".utf8) + [0xff, 0xfe] + Array("\"}".utf8)),
            claimsPart("UTF-16", Array(claims.utf16).flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }, isStricter: true),
            claimsPart("a comment", Array(("/**/" + claims).utf8)),
            claimsPart("a trailing comma", Array((claims.dropLast() + ",}").utf8)),
            JOSECase(
                name: "a long claim",
                token: genuine.claim("csrf", "\"\(String(repeating: "x", count: 100_000))\"").token,
                isStricter: true),
            JOSECase(
                name: "deeply nested arrays",
                token: genuine.claim("deep", String(repeating: "[", count: 900) + String(repeating: "]", count: 900))
                    .token, isStricter: true),
            JOSECase(
                name: "a long header",
                token: genuine.header("kid", "\"\(String(repeating: "x", count: 50_000))\"").token, isStricter: true),
        ]
    }

    /// One character changed at a random position.
    private func flips() throws -> [JOSECase] {
        let token = Array(try genuine.token)
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var generator = SplitMix(seed: 11)
        return (0..<150).compactMap { _ in
            var changed = token
            let index = Int(generator.next() % UInt64(token.count))
            let character = alphabet[Int(generator.next() % UInt64(alphabet.count))]
            guard changed[index] != ".", changed[index] != character else { return nil }
            changed[index] = character
            // The last character has unused bits: it may be another encoding of the same signature.
            return JOSECase(
                name: "character \(index) is \(character)", token: String(changed), isStricter: index == token.count - 1
            )
        }
    }
}
