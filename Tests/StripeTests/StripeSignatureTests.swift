import Base
import Foundation
import Stripe
import TestKit
import TestStripe
import Testing

@Suite struct StripeSignatureTests {
    private let body = Array(#"{"id":"evt_1","ü":"€"}"#.utf8)
    private let time = Instant(seconds: 1_769_860_800)
    private let secrets = ["whsec_old", "whsec_new"]

    private func failure(_ header: String, at now: Instant? = nil, body: [UInt8]? = nil, secrets: [String]? = nil)
        -> StripeSignature.Failure?
    {
        do throws(StripeSignature.Failure) {
            try StripeSignature.verify(
                header, of: body ?? self.body, secrets: secrets ?? self.secrets, at: now ?? time)
            return nil
        } catch { return error }
    }

    @Test func `accepts a signature of any of the secrets`() {
        for secret in secrets { #expect(failure(StripeSignature.header(of: body, secrets: [secret], at: time)) == nil) }
        let both = StripeSignature.header(of: body, secrets: ["whsec_unknown", "whsec_new"], at: time)
        #expect(failure(both) == nil)
        #expect(failure("\(both),v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39") == nil)
    }

    @Test func `refuses another body, another secret and no secret`() {
        let header = StripeSignature.header(of: body, secrets: secrets, at: time)
        #expect(failure(header, body: body + [32]) == .wrong)
        #expect(failure(header, body: []) == .wrong)
        #expect(failure(header, secrets: ["whsec_other"]) == .wrong)
        #expect(failure(header, secrets: []) == .wrong)
        let empty = StripeSignature.header(of: body, secrets: [""], at: time)
        #expect(failure(empty, secrets: [""]) == .wrong)
    }

    @Test func `accepts a time of up to 300 seconds before and after`() {
        let header = StripeSignature.header(of: body, secrets: secrets, at: time)
        for offset in [-300, 0, 300] as [Int64] { #expect(failure(header, at: time + .seconds(offset)) == nil) }
        for offset in [-301, 301, 86_400] as [Int64] {
            #expect(failure(header, at: time + .seconds(offset)) == .outsideTolerance)
        }
    }

    @Test func `does not accept the time of another signature`() {
        let header = StripeSignature.header(of: body, secrets: secrets, at: time)
        let later = header.replacing("t=1769860800", with: "t=1769860801")
        #expect(failure(later) == .wrong)
    }

    @Test func `refuses a header that cannot be read`() {
        let hex = String(repeating: "ab", count: 32)
        let right = StripeSignature.header(of: body, secrets: secrets, at: time)
        let headers = [
            "", ",", "=", "t", "t=", "v1=\(hex)", "t=1769860800", "t=1769860800,v0=\(hex)", "t=1769860800,v1=",
            "t=1769860800,v1=\(hex)ab", "t=1769860800,v1=\(hex.dropLast())", "t=1769860800,v1=\(hex.dropLast())g",
            "t=1769860800,v1=\(hex.uppercased())", "t=1769860800,t=1769860800,v1=\(hex)",
            "t=1769860800,v1=\(hex),t=1", "t= 1769860800,v1=\(hex)", "t=1769860800, v1=\(hex)",
            "t=+1769860800,v1=\(hex)", "t=-1,v1=\(hex)", "t=01769860800,v1=\(hex)", "t=1e9,v1=\(hex)",
            "t=0x69,v1=\(hex)", "t=１,v1=\(hex)", "t=99999999999999999999,v1=\(hex)", "t=1769860800,v1=\(hex),",
            "t=1769860800,,v1=\(hex)", "t=1769860800;v1=\(hex)", "t=1769860800,v1=\(hex)\n", "\u{0}", "é",
            "t=1769860800," + Array(repeating: "v1=\(hex)", count: 17).joined(separator: ","),
            "t=1769860800,v1=\(hex),x=" + String(repeating: "y", count: 2_048), right + " ", right + "\u{301}",
            right.uppercased(), right.replacing("v1=", with: "v1=0x"),
        ]
        for header in headers { #expect(failure(header) == .malformed, "\(header)") }
    }

    @Test func `is not stopped by random headers`() {
        var random = SplitMix(seed: 7)
        let alphabet = Array("tv01=,. aF9\u{E9}\u{0}\n")
        for _ in 0..<2_000 {
            let header = String(
                (0..<Int.random(in: 0...80, using: &random)).map { _ in
                    alphabet.randomElement(using: &random)!
                })
            #expect(failure(header) != nil)
        }
    }

    @Test(.enabled(if: TestStripeServer.canCompareShapes))
    func `verifies and is verified by the package stripe`() throws {
        let script = """
            import json, stripe, sys
            body, header, secret = sys.argv[1:4]
            event = stripe.Webhook.construct_event(body, header, secret, tolerance=10**10)
            signed = stripe.WebhookSignature.generate_signature_header(body, secret, timestamp=1769860800)
            try:
                stripe.WebhookSignature.verify_header(body + " ", header, secret, 10**10)
                print("accepted")
            except stripe.SignatureVerificationError:
                print(signed)
            """
        let body = #"{"object":"event","id":"evt_1","data":{"object":{"object":"charge","ü":"€"}}}"#
        let header = StripeSignature.header(of: Array(body.utf8), secrets: ["whsec_x", "whsec_old"], at: time)
        let output = try Python.run(["-c", script, body, header, "whsec_old"])
        let signed = String(decoding: output, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? ""
        #expect(failure(signed, body: Array(body.utf8)) == nil)
    }
}
