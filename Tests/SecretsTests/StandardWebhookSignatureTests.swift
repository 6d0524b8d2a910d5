import Base
import Secrets
import Testing

@Suite struct StandardWebhookSignatureTests {
    // The example of the specification.
    private let secret = StandardWebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    private let body = Array(#"{"test": 2432232314}"#.utf8)
    private let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    private let time = Instant(seconds: 1_614_265_330)
    private let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    private func fault(
        _ fields: [String: [String]] = [:], body: [UInt8]? = nil, at now: Instant? = nil
    ) throws -> StandardWebhookSignature.Fault? {
        let all = [
            "webhook-id": [id], "webhook-timestamp": ["1614265330"], "webhook-signature": [signature],
        ].merging(fields) { $1 }
        let secret = try #require(secret)
        do throws(StandardWebhookSignature.Fault) {
            try StandardWebhookSignature.verify(
                body ?? self.body, header: { all[$0] ?? [] }, at: now ?? time, with: [secret])
            return nil
        } catch { return error }
    }

    @Test func `the example of the specification is signed and verified`() throws {
        let secret = try #require(secret)
        #expect(StandardWebhookSignature.text(of: body, id: id, at: time, with: [secret]) == signature)
        #expect(try fault() == nil)
        #expect(secret.text == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    }

    @Test func `one of several signatures suffices, and other versions are skipped`() throws {
        #expect(try fault(["webhook-signature": ["v1a,AAAA v1,AAAA \(signature)"]]) == nil)
        #expect(try fault(["webhook-signature": ["v2,\(signature.dropFirst(3))"]]) == .notSigned)
        let many = String(repeating: "v1,AAAA ", count: 100)
        #expect(try fault(["webhook-signature": [many + signature]]) == .notSigned)
    }

    @Test func `what was changed is not accepted`() throws {
        #expect(try fault(body: body + [0x20]) == .notSigned)
        #expect(try fault(["webhook-id": ["msg_other"]]) == .notSigned)
        #expect(try fault(["webhook-timestamp": ["1614265331"]]) == .notSigned)
        for text in ["", " ", "v1", "v1,", "v1,é", "v1,====", "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="] {
            #expect(try fault(["webhook-signature": [text]]) != nil, "'\(text)'")
        }
    }

    @Test func `the time may differ by five minutes in both directions`() throws {
        #expect(try fault(at: time + .seconds(300)) == nil)
        #expect(try fault(at: time - .seconds(300)) == nil)
        #expect(try fault(at: time + .seconds(301)) == .expired)
        #expect(try fault(at: time - .seconds(301)) == .expired)
    }

    @Test func `header fields are read strictly`() throws {
        for (name, values) in [
            ("webhook-id", []), ("webhook-id", [id, id]), ("webhook-id", [""]), ("webhook-id", ["a.b"]),
            ("webhook-id", ["a b"]), ("webhook-id", [String(repeating: "x", count: 300)]),
            ("webhook-timestamp", []), ("webhook-timestamp", ["+1614265330"]), ("webhook-timestamp", ["1614265330 "]),
            ("webhook-timestamp", ["1614265330.0"]), ("webhook-timestamp", ["9999999999999"]),
            ("webhook-timestamp", ["١٦١٤٢٦٥٣٣٠"]), ("webhook-signature", []),
            ("webhook-signature", [signature, signature]),
        ] as [(String, [String])] {
            #expect(try fault([name: values]) != nil, "\(name): \(values)")
        }
    }

    @Test func `secrets that are too short or not base64 are refused`() {
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "not base64!", "whsec_" + String(repeating: "A", count: 100)] {
            #expect(StandardWebhookSecret(text) == nil, "'\(text)'")
        }
    }
}
