import App
import Base
import Foundation
import Secrets
import TestKit

@testable import Identity

/// One token that somebody might send, and what is to become of it.
struct JOSECase: Sendable {
    enum Verdict: Sendable { case accepted, refused, expired }

    let name: String
    let token: String
    var verdict = Verdict.refused
    /// Whether a rule of ours alone refuses it: RFC 7519 would let it pass.
    var isStricter = false
}

/// A token as raw JSON, so that it can say what no encoder would.
struct RawToken: Sendable {
    var header: [(name: String, value: String)]
    var claims: [(name: String, value: String)]
    let sign: @Sendable (String) throws -> [UInt8]

    /// The present token of the service itself, to be changed.
    init(of token: String, sign: @escaping @Sendable (String) throws -> [UInt8]) throws {
        let genuine = try Forgery(of: token)
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

    /// The same with a member of another value; nil leaves it out.
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

/// Tokens that are wrong in one way each, made from a good one.
struct JOSECases {
    let genuine: RawToken
    let algorithm: SigningAlgorithm
    /// What everybody may know of the key.
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
            cases.append(JOSECase(name: "alg \(name), signed by our key", token: try changed.token))
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
            cases.append(JOSECase(name: "HS256 with what is public: \(text.prefix(20))", token: token))
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

    /// What asks the verifier to follow the token's own wishes.
    private func keysInHeaders() throws -> [JOSECase] {
        let members = [
            ("crit", "[\"exp\"]"), ("crit", "[]"), ("crit", "[\"http://example.org/unknown\"]"), ("crit", "\"exp\""),
            ("b64", "false"),
            ("jku", "\"https://mallory.example/jwks.json\""), ("x5u", "\"https://mallory.example/chain.pem\""),
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
        let foreign = [
            ("iss", "\"http://localhost:9090\""), ("iss", "\"http://localhost:8080/\""), ("iss", "\"\""),
            ("iss", "null"),
            ("iss", "[\"http://localhost:8080\"]"),
            ("aud", "\"another\""), ("aud", "\"\""), ("aud", "null"), ("aud", "[]"), ("aud", "[\"another\"]"),
            ("aud", "{}"), ("exp", "\"tomorrow\""),
            ("exp", "null"),
            ("exp", "true"), ("iat", "\"now\""), ("sub", "7"),
        ]
        for (name, value) in foreign {
            cases.append(
                JOSECase(
                    name: "\(name) is \(value)", token: try genuine.claim(name, value).token,
                    isStricter: name == "iss" && value.hasPrefix("[")))
        }
        // What only we ask for: the names of our own things, and one audience, not several.
        let ours = [
            ("aud", "[\"gatehouse\"]"), ("aud", "[\"gatehouse\",\"another\"]"), ("sub", "\"nobody\""), ("sub", "\"\""),
            ("sub", "\"00000000-0000-7000-8000-00000000000\u{200b}0\""), ("sid", "\"x\""), ("sid", "null"),
            ("org", "\"\""), ("org", "{}"),
            ("role", "\"emperor\""),
            ("role", "\"Admin\""), ("role", "[\"admin\"]"), ("csrf", "7"), ("roles", "\"admin\""), ("iat", "\(now).5"),
            ("exp", "\(now + 60).5"),
            ("exp", "1e300"),
            ("exp", "99999999999"), ("exp", "\(Int64.max)"), ("iat", "\(Int64.min)0"),
        ]
        for (name, value) in ours {
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
                name: "one more claim", token: try genuine.claim("nickname", "\"\u{1F511} ключ\"").token,
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
            JOSECase(name: "issued beyond a clock's error", token: genuine.claim("iat", "\(now + 61)").token),
            JOSECase(
                name: "issued within a clock's error", token: genuine.claim("iat", "\(now + 60)").token,
                verdict: .accepted),
        ]
    }

    private func segments() throws -> [JOSECase] {
        let token = try genuine.token
        let parts = token.split(separator: ".").map(String.init)
        var cases = [
            JOSECase(name: "nothing", token: ""), JOSECase(name: "dots", token: ".."),
            JOSECase(name: "one part", token: parts[0]),
            JOSECase(name: "two parts", token: parts[0] + "." + parts[1]),
            JOSECase(name: "four parts", token: token + "." + parts[2]),
            JOSECase(name: "five parts, as if encrypted", token: "\(token).\(parts[1]).\(parts[2])"),
            JOSECase(name: "a dot behind", token: token + "."),
            JOSECase(name: "a dot before", token: "." + token),
            JOSECase(name: "a wide dot", token: parts.joined(separator: "\u{ff0e}")),
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
                changed("a letter less", String(part.dropLast())),
                changed("four letters less", String(part.dropLast(4))), changed("a letter more", part + "A"),
                changed("four letters more", part + "AAAA"), changed("a plus", "+" + part.dropFirst()),
                changed("a percent sign", part.dropLast() + "%41"),
                changed("a look-alike", part.replacing("a", with: "а").replacing("e", with: "е") + "і"),
                changed("a line break", part + "%0A"),
            ]
            if let sibling = Self.sibling(of: part) {
                cases.append(changed("spelled otherwise", sibling, isStricter: index == 2))
            }
        }
        return cases
    }

    /// The same bytes in another spelling: base64url leaves bits of the last letter unused.
    private static func sibling(of part: String) -> String? {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        guard part.utf8.count % 4 != 0, let last = part.last, let place = letters.firstIndex(of: last) else {
            return nil
        }
        return part.dropLast() + String(letters[place ^ 1])
    }

    private func bodies() throws -> [JOSECase] {
        let token = try genuine.token
        func around(_ name: String, _ bytes: [UInt8], isStricter: Bool = false) throws -> JOSECase {
            JOSECase(
                name: name, token: try RawToken.signed(genuine.headerPart, Base64URL.encode(bytes), by: genuine.sign),
                isStricter: isStricter)
        }
        let claims = RawToken.text(of: genuine.claims)
        return try [
            around("a token within", Array(token.utf8)), around("a token within, quoted", Array("\"\(token)\"".utf8)),
            around("a list", Array("[\(claims)]".utf8)),
            around("null", Array("null".utf8)), around("nothing within", []),
            around("half an object", Array(claims.dropLast().utf8)),
            around("something behind", Array((claims + "{}").utf8)),
            around("a mark before", [0xef, 0xbb, 0xbf] + Array(claims.utf8), isStricter: true),
            around(
                "no UTF-8", Array(claims.dropLast().utf8) + Array(",\"x\":\"".utf8) + [0xff, 0xfe] + Array("\"}".utf8)),
            around("UTF-16", Array(claims.utf16).flatMap { [UInt8($0 & 0xff), UInt8($0 >> 8)] }, isStricter: true),
            around("a comment", Array(("/**/" + claims).utf8)),
            around("a comma too many", Array((claims.dropLast() + ",}").utf8)),
            JOSECase(
                name: "much", token: genuine.claim("csrf", "\"\(String(repeating: "x", count: 100_000))\"").token,
                isStricter: true),
            JOSECase(
                name: "deep",
                token: genuine.claim("deep", String(repeating: "[", count: 900) + String(repeating: "]", count: 900))
                    .token, isStricter: true),
            JOSECase(
                name: "a long header",
                token: genuine.header("kid", "\"\(String(repeating: "x", count: 50_000))\"").token, isStricter: true),
        ]
    }

    /// One letter changed, anywhere.
    private func flips() throws -> [JOSECase] {
        let token = Array(try genuine.token)
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var generator = SplitMix(seed: 11)
        return (0..<150).compactMap { _ in
            var changed = token
            let place = Int(generator.next() % UInt64(token.count))
            let letter = letters[Int(generator.next() % UInt64(letters.count))]
            guard changed[place] != ".", changed[place] != letter else { return nil }
            changed[place] = letter
            // Unused bits of the last letter: another spelling of the same signature.
            return JOSECase(
                name: "letter \(place) is \(letter)", token: String(changed), isStricter: place == token.count - 1)
        }
    }
}
