import App
import Base
import Foundation
import Modules
import TestKit
import Testing

@testable import Identity

/// Faulty tokens for each algorithm, and the verdict of another verifier (PyJWT) on them.
@Suite struct JOSETests {
    private func withCases(_ algorithm: SigningAlgorithm, _ body: (TestApp, [JOSECase]) async throws -> Void)
        async throws
    {
        try await withTestApp(.sqlite, change: { $0.jwtAlgorithm = algorithm }) { app in
            let person = try await app.register()
            let key = try await app.app.identity.keys.current()
            let published = await app.call("GET", "/.well-known/jwks.json")
            let cases = JOSECases(
                genuine: try RawToken(of: person.token) { try key.signature(for: $0) },
                algorithm: algorithm,
                publicTexts: [
                    published.text, key.key.id.text, "", key.published?.n ?? key.published?.x ?? "gatehouse",
                ],
                now: app.clock.now.seconds
            )
            try await body(app, cases.all())
        }
    }

    @Test(arguments: SigningAlgorithm.allCases)
    func `a token with one fault is refused with a reason`(_ algorithm: SigningAlgorithm)
        async throws
    {
        try await withCases(algorithm) { app, cases in
            #expect(cases.count > 250)
            let lines = app.log.lines.count
            for example in cases {
                // HTTP would refuse line breaks and non-ASCII characters; the dispatcher is called directly.
                let response = await app.call(
                    "GET", "/v1/auth/verify", headers: ["Authorization": "Bearer \(example.token)"])
                func comment() -> Comment { "\(example.name): \(response)" }
                switch example.verdict {
                case .accepted: #expect(response.status == 200, comment())
                case .expired:
                    #expect(response.status == 401, comment())
                    #expect(response.code == "token-expired", comment())
                    #expect(response["error"] == "Invalid or expired token", comment())
                case .refused:
                    #expect(response.status == 401, comment())
                    #expect(response.code == "authentication-failed", comment())
                    let reason = response["details"]?.string ?? ""
                    #expect(
                        reason.hasPrefix("invalid JWT: unable to parse or verify signature, token ")
                            || reason.hasPrefix("the Authorization header"), comment())
                    #expect(response.headers["www-authenticate"]?.hasPrefix("Bearer") == true, comment())
                }
                #expect(response.bytes.count < 1_000, comment())
                // A refused token is not cached as valid.
                if example.verdict != .accepted {
                    #expect(await app.call("GET", "/v1/auth/verify", token: example.token).status == 401, comment())
                }
            }
            // No log line contains a token.
            let logged = app.log.lines.dropFirst(lines)
            #expect(logged.allSatisfy { !$0.contains("eyJ") && !$0.contains("\"level\":\"error\"") })
        }
    }

    @Test(
        .enabled(
            if: PyJWT.isAvailable,
            "PyJWT is not installed: set GATEHOUSE_PYTHON to an interpreter that has it."),
        arguments: SigningAlgorithm.allCases)
    func `PyJWT accepts the same tokens, except where the rules of the server are stricter`(
        _ algorithm: SigningAlgorithm
    ) async throws {
        try await withCases(algorithm) { app, cases in
            var key: JSONValue = await app.call("GET", "/.well-known/jwks.json")["keys"]?.array?.first ?? .null
            if algorithm == .hs256 { key = .string(String(decoding: try await app.signingSecret(), as: UTF8.self)) }
            let acceptedByPyJWT = try PyJWT.accepted(
                cases.map(\.token), key: key, algorithm: algorithm.rawValue, issuer: "http://localhost:8080",
                now: app.clock.now.seconds)
            let accepted = Set(cases.indices.filter { cases[$0].verdict == .accepted })
            // PyJWT allows no clock skew.
            #expect(accepted.subtracting(acceptedByPyJWT).map { cases[$0].name } == ["issued within the clock skew"])
            let laxer = acceptedByPyJWT.subtracting(accepted).sorted().map { cases[$0] }
            #expect(laxer.filter { !$0.isStricter }.map(\.name) == [])
            #expect(!laxer.isEmpty)
            #expect(acceptedByPyJWT.contains { cases[$0].name == "genuine" })
        }
    }
}

/// Another verifier of tokens (https://pyjwt.readthedocs.io), run with the interpreter of GATEHOUSE_PYTHON.
private enum PyJWT {
    static let isAvailable = (try? run("import jwt, cryptography", input: Data())) != nil

    /// - Returns: the indices of the accepted tokens.
    static func accepted(_ tokens: [String], key: JSONValue, algorithm: String, issuer: String, now: Int64) throws
        -> Set<Int>
    {
        let input: JSONValue = [
            "tokens": .array(tokens.map { .string($0) }), "key": key, "algorithm": .string(algorithm),
            "issuer": .string(issuer), "now": .integer(now),
        ]
        return try JSONDecoder().decode(Set<Int>.self, from: run(script, input: JSONEncoder().encode(input)))
    }

    private static func run(_ script: String, input: Data) throws -> Data {
        let file = FileManager.default.temporaryDirectory.appending(path: "gatehouse-jose-\(UUID().uuidString).json")
        try input.write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try Python.run(["-c", script, file.path])
    }

    /// Requires the claims that RFC 7519 defines, at the time of the test clock.
    private static let script = """
        import datetime, json, sys, warnings
        import jwt, jwt.api_jwt

        warnings.simplefilter("ignore")
        input = json.load(open(sys.argv[1]))

        class Clock(datetime.datetime):
            @classmethod
            def now(cls, tz=None):
                return cls.fromtimestamp(input["now"], tz)

        jwt.api_jwt.datetime = Clock
        key = input["key"]
        if isinstance(key, dict):
            key = jwt.PyJWK.from_dict(key).key
        accepted = []
        for index, token in enumerate(input["tokens"]):
            try:
                jwt.decode(
                    token, key, algorithms=[input["algorithm"]], audience="gatehouse", issuer=input["issuer"],
                    options={"require": ["iss", "aud", "exp", "iat", "sub"]},
                )
                accepted.append(index)
            except Exception:
                pass
        json.dump(accepted, sys.stdout)
        """
}
