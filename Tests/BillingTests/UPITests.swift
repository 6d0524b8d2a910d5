import App
import Base
import Foundation
import Identity
import Modules
import Secrets
import TestKit
import Testing

@testable import Billing

@Suite struct UPITests {
    @Test(arguments: Engine.available)
    func `a decoder reads the code, whose every field is escaped`(engine: Engine) async throws {
        try await withUPI(engine) { upi in
            let code = try await upi.code(["upi_provider": "phonepe"])
            #expect(code.status == 200, "\(code)")
            let id = try #require(code["payment_id"]?.string)
            #expect(id.wholeMatch(of: /qr_[0-9a-f]{16}/) != nil)
            let link = try #require(code["upi_string"]?.string)
            #expect(
                link == "upi://pay?pa=shop.test@bank&pn=M%C3%BCller%20%26%20S%C3%B6hne%2C%2050%20%25%20off%3F"
                    + "&am=799.00&cu=INR&tn=Student%2C%20monthly&tr=\(id)")
            #expect(try decode(code["qr_code"]?.string) == link)
            let query = link.dropFirst("upi://pay".count)
            #expect(code["app_link"]?.string == "phonepe://pay\(query)")
            #expect(code["app_links"]?["google_pay"]?.string == "tez://upi/pay\(query)")
            #expect(code["app_links"]?["paytm"]?.string == "paytmmp://pay\(query)")
            #expect(code["app_links"]?["bhim"]?.string == "bhim://upi/pay\(query)")
            #expect(code["amount"] == 799 && code["amount_minor"] == 79_900 && code["currency"] == "INR")
            #expect(code["status"] == "pending" && code["merchant_vpa"] == "shop.test@bank")
            #expect(code["expires_at"] == .string((upi.test.clock.now + .minutes(15)).description))
            // A repeat has the same code, until it is about to expire.
            #expect(try await upi.newCode() == id)
            upi.test.clock.advance(by: .minutes(11))
            #expect(try await upi.newCode() != id)
        }
    }

    /// The text of a PNG image in a data URL.
    private func decode(_ url: String?) throws -> String {
        let encoded = try #require(url?.split(separator: ",").last.map(String.init))
        let file = FileManager.default.temporaryDirectory
            .appending(path: "qr-\(Hex.encode(Runtime.system.randomBytes(8))).png")
        defer { try? FileManager.default.removeItem(at: file) }
        try #require(Data(base64Encoded: encoded)).write(to: file)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["zbarimg", "--quiet", "--raw", file.path()]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return text.trimmingCharacters(in: .newlines)
    }

    @Test(arguments: Engine.available)
    func `the amount is ours: another one is refused`(engine: Engine) async throws {
        try await withUPI(engine) { upi in
            for members in [["amount": 799], ["amount": 799.0, "currency": "INR"], ["amount_minor": 79_900]]
                as [[String: JSONValue]]
            {
                #expect(try await upi.code(members).status == 200, "\(members)")
            }
            for members in [["amount": 1], ["amount_minor": 79_899], ["currency": "usd"], ["amount": -799]]
                as [[String: JSONValue]]
            {
                let refused = try await upi.code(members)
                #expect(refused.status == 409 && refused.code == "amount-mismatch", "\(members): \(refused)")
            }
            #expect(try await upi.code(["amount": 799.001]).status == 422)
            #expect(try await upi.code(["plan": "unknown"]).status == 404)
            #expect(try await upi.code(["plan": "free"]).status == 402)
            #expect(try await upi.code(["plan": .null]).status == 422)
            #expect(try await upi.code(["subscription_tier": "employee"]).status == 422)
            let older = try await upi.code(["plan": .null, "subscription_tier": "employee", "currency": "INR"])
            #expect(older["amount_minor"] == 239_900, "\(older)")
            let yearly = try await upi.code(["billing_cycle": "annual"])
            #expect(yearly["amount_minor"] == 799_900, "\(yearly)")
        }
    }

    @Test(arguments: Engine.available)
    func `the reported amount starts the plan, posts the money and sends an invoice, once`(engine: Engine)
        async throws
    {
        try await withUPI(engine) { upi in
            let id = try await upi.newCode()
            for _ in 1...3 {
                let taken = try await upi.report(id)
                #expect(taken.status == 200 && taken["outcome"] == "applied", "\(taken)")
            }
            #expect(try await upi.status(id) == "completed")
            let subscription = try #require(try await upi.subscription())
            #expect(subscription.plan == "student" && subscription.status == "active")
            #expect(subscription.paidThrough == Instant("2026-02-28T12:00:00Z"))
            #expect(try await upi.balances() == ["provider": -79_900, "revenue": 79_900])
            #expect(try await upi.count("payments WHERE method = 'upi' AND state = 'succeeded'") == 1)
            #expect(try await upi.count("invoices") == 1)
            let mails = try await upi.test.mail(to: upi.person.email).filter { $0.text.contains("412345678901") }
            #expect(mails.count == 1 && mails.first?.subject.contains("799.00 INR") == true, "\(mails.map(\.subject))")
            // It was paid for in advance, and ends with what was paid for.
            upi.test.clock.set(try #require(Instant("2026-02-28T12:00:01Z")))
            try await upi.test.runJobs()
            #expect(try await upi.subscription() == nil)
        }
    }

    @Test(arguments: Engine.available)
    func `a payment tells endpoints about the subscription and the invoice`(engine: Engine) async throws {
        try await WebhookReceiver.with { receiver in
            try await withUPI(engine, change: { $0.outboundPrivateNetworks = ["true"] }) { upi in
                let endpoint = await upi.test.call(
                    "POST", "/v1/webhooks/endpoints", json: ["url": .string(receiver.url), "event_types": ["*"]],
                    token: upi.person.token)
                #expect(endpoint.status == 201, "\(endpoint)")
                #expect(try await upi.report(try await upi.newCode()).status == 200)
                try await upi.test.runJobs()
                #expect(receiver.messages.compactMap(\.type).sorted() == ["invoice.issued", "subscription.updated"])
                let invoice = receiver.messages.first { $0.type == "invoice.issued" }?.json["data"]
                #expect(
                    invoice?["total_minor"] == 79_900 && invoice?["currency"] == "inr", "\(String(describing: invoice))"
                )
            }
        }
    }

    @Test(arguments: Engine.available)
    func `a further payment extends the subscription from its end`(engine: Engine) async throws {
        try await withUPI(engine) { upi in
            #expect(try await upi.report(try await upi.newCode(), "bank-0001").status == 200)
            upi.test.clock.advance(by: .days(20))
            #expect(try await upi.report(try await upi.newCode(), "bank-0002")["outcome"] == "applied")
            #expect(try await upi.subscription()?.paidThrough == Instant("2026-03-31T12:00:00Z"))
            // Another plan waits for the end of this one.
            let other = try await upi.code(["plan": "employee"])
            #expect(other.status == 409 && other.code == "already-subscribed", "\(other)")
        }
    }

    @Test(arguments: Engine.available)
    func `money that pays no code goes to the queue`(engine: Engine) async throws {
        try await withUPI(engine) { upi in
            let id = try await upi.newCode()
            #expect(try await upi.report(id, "bank-0001", amount: 79_899)["outcome"] == "unclaimed")
            #expect(try await upi.report(id, "bank-0002", currency: "USD")["outcome"] == "unclaimed")
            #expect(try await upi.report("qr_unknown", "bank-0003")["outcome"] == "unclaimed")
            #expect(try await upi.status(id) == "pending")
            #expect(try await upi.report(id, "bank-0004")["outcome"] == "applied")
            #expect(try await upi.report(id, "bank-0005")["outcome"] == "unclaimed")
            let late = try await upi.newCode()
            upi.test.clock.advance(by: .minutes(16))
            #expect(try await upi.status(late) == "expired")
            #expect(try await upi.report(late, "bank-0006")["outcome"] == "unclaimed")
            let reasons = try await upi.queue().compactMap { $0["reason"]?.string }
            #expect(
                reasons.sorted() == ["late", "other_amount", "other_currency", "paid_already", "unknown_reference"])
            #expect(try await upi.balances()["unclaimed"] == 79_899 + 79_900 * 3)
        }
    }

    @Test(arguments: Engine.available)
    func `a bank reference is used once`(engine: Engine) async throws {
        try await withUPI(engine) { upi in
            let other = try await upi.test.register("other")
            let (first, second) = (try await upi.newCode(), try await upi.newCode(as: other))
            #expect(try await upi.report(first, "utr-4711")["outcome"] == "applied")
            for reference in ["utr-4711", "UTR-4711", "utr4711"] {
                let refused = try await upi.report(second, reference)
                #expect(refused.status == 409 && refused.code == "bank-reference-used", "\(refused)")
            }
            let confirmation = await upi.test.call(
                "POST", "\(UPIFixture.path)/\(second)/confirmation",
                json: ["bank_reference": "utr-4711", "amount_minor": 79_900], token: upi.administrator.token)
            #expect(confirmation.status == 409, "\(confirmation)")
            #expect(try await upi.status(second, as: other) == "pending")
        }
    }

    @Test(arguments: Engine.available)
    func `an administrator confirms a payment by the bank's reference`(engine: Engine) async throws {
        try await withUPI(engine, change: { $0.upiCallbackSecrets = [] }) { upi in
            let id = try await upi.newCode()
            let path = "\(UPIFixture.path)/\(id)/confirmation"
            let json: JSONValue = ["bank_reference": "utr-4711", "amount_minor": 79_900]
            #expect(await upi.test.call("POST", path, json: json, token: upi.person.token).status == 403)
            let confirmed = await upi.test.call("POST", path, json: json, token: upi.administrator.token)
            #expect(confirmed.status == 200 && confirmed["outcome"] == "applied", "\(confirmed)")
            #expect(try await upi.status(id) == "completed")
            #expect(try await upi.subscription()?.plan == "student")
            #expect(try await upi.count("audit_events WHERE action = 'upi-payment.received'") == 1)
            let unknown = await upi.test.call(
                "POST", "\(UPIFixture.path)/qr_0000000000000000/confirmation", json: json,
                token: upi.administrator.token)
            #expect(unknown.status == 404)
        }
    }

    @Test(arguments: Engine.available)
    func `late money is credited to its code, or returned, by one administrator`(engine: Engine) async throws {
        try await withUPI(engine) { upi in
            let id = try await upi.newCode()
            upi.test.clock.advance(by: .minutes(16))
            _ = try await upi.report(id, "bank-0001")
            _ = try await upi.report(id, "bank-0002")
            let queue = try await upi.queue()
            let ids = queue.compactMap { $0["id"]?.string }
            #expect(ids.count == 2)
            #expect(try await upi.resolve(ids[0], ["action": "refund"]).status == 422)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 1...3 {
                    group.addTask { try await upi.resolve(ids[0], ["action": "credit", "note": "was in time"]).status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [200, 409, 409])
            #expect(try await upi.status(id) == "completed")
            #expect(try await upi.subscription()?.plan == "student")
            // The code is paid: what is left can be returned alone.
            #expect(try await upi.resolve(ids[1], ["action": "credit"]).code == "receipt-state")
            let returned = try await upi.resolve(ids[1], ["action": "refund", "refund_reference": "out-0001"])
            #expect(returned.status == 200 && returned["outcome"] == "refunded", "\(returned)")
            #expect(
                try await upi.balances() == ["provider": -159_800, "revenue": 79_900, "refunded": 79_900])
            #expect(try await upi.queue() == [])
            #expect(try await upi.count("invoices") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `of two payments of a code at once, one pays it`(engine: Engine) async throws {
        try await withUPI(engine) { upi in
            let id = try await upi.newCode()
            let outcomes = try await withThrowingTaskGroup(of: String?.self) { group in
                for number in 1...4 {
                    group.addTask { try await upi.report(id, "bank-000\(number % 3)")["outcome"]?.string }
                }
                return try await group.reduce(into: []) { $0.append($1 ?? "refused") }
            }
            #expect(outcomes.contains("applied") && !outcomes.contains("refused"), "\(outcomes)")
            #expect(try await upi.count("upi_receipts WHERE outcome = 'applied'") == 1)
            #expect(try await upi.count("upi_receipts WHERE outcome = 'unclaimed'") == 2)
            #expect(try await upi.count("payments") == 1)
        }
    }

    @Test(arguments: Engine.available)
    func `codes of two plans that are paid at once are both taken: one pays, the other waits in the queue`(
        engine: Engine
    ) async throws {
        try await withUPI(engine) { upi in
            for round in 1...4 {
                let person = try await upi.test.register("payer\(round)")
                let plans = [("student", 79_900), ("employee", 239_900)] as [(String, Int64)]
                var codes: [(id: String, amount: Int64)] = []
                for (plan, amount) in plans {
                    let code = try await upi.code(["plan": .string(plan)], as: person)
                    codes.append((try #require(code["payment_id"]?.string, "\(code)"), amount))
                }
                let answers = try await withThrowingTaskGroup(of: TestResponse.self) { group in
                    for (number, code) in codes.enumerated() {
                        group.addTask {
                            try await upi.report(code.id, "bank-\(round)-\(number)", amount: code.amount)
                        }
                    }
                    return try await group.reduce(into: [TestResponse]()) { $0.append($1) }
                }
                #expect(answers.allSatisfy { $0.status == 200 }, "\(answers)")
                #expect(Set(answers.map { $0["outcome"]?.string }) == ["applied", "unclaimed"], "\(answers)")
            }
            #expect(try await upi.count("upi_receipts WHERE reason = 'other_subscription'") == 4)
        }
    }

    @Test(arguments: Engine.available)
    func `a report is refused unless it is signed, and then unless it is one`(engine: Engine) async throws {
        try await withUPI(engine) { upi in
            let id = try await upi.newCode()
            func body(_ amount: String, _ bankReference: String, _ status: String) -> [UInt8] {
                let money = #""amount_minor":\#(amount),"currency":"INR","bank_reference":"\#(bankReference)""#
                return Array(#"{"reference":"\#(id)",\#(money),"status":"\#(status)"}"#.utf8)
            }
            let right = body("79900", "bank-1", "success")
            let wrong = StandardWebhookSignature.text(
                of: right, id: "msg_1", at: upi.test.clock.now, with: [StandardWebhookSecret(bytes: Array(0..<32))])
            for signature in ["", "v1,", "v1,é", wrong] {
                let refused = await upi.send(right, signature: signature)
                #expect(refused.status == 403 && refused.code == "webhook-refused", "\(signature): \(refused)")
            }
            let unsigned = await upi.test.call("POST", "/v1/webhooks/upi", body: ("application/json", right))
            #expect(unsigned.status == 403)
            let texts = ["", "[]", "no JSON", "{}", #"{"reference":"\#(id)"}"#].map { Array($0.utf8) }
            for malformed in texts + [
                body("79900.5", "bank-1", "success"), body("-1", "bank-1", "success"), body("0", "bank-1", "success"),
                body("79900", "x y", "success"), body("79900", "bank-1", "perhaps"),
            ] {
                let refused = await upi.send(malformed)
                #expect(refused.status == 400, "\(String(decoding: malformed, as: UTF8.self)): \(refused)")
            }
            #expect(try await upi.status(id) == "pending")
            #expect(try await upi.count("upi_receipts") == 0)
        }
    }

    @Test(arguments: Engine.available)
    func `without an account or a secret the parts say so`(engine: Engine) async throws {
        try await withUPI(engine, change: { ($0.upiAddress, $0.upiCallbackSecrets) = (nil, []) }) { upi in
            let code = try await upi.code()
            #expect(code.status == 503 && code.code == "not-configured", "\(code)")
            // A message without the header fields is refused before that.
            let unsigned = await upi.test.call(
                "POST", "/v1/webhooks/upi", body: ("application/json", Array("{}".utf8)))
            #expect(unsigned.status == 403)
            #expect(await upi.send(Array("{}".utf8)).status == 503)
        }
    }

    @Test(arguments: Engine.available)
    func `a payer who has acted in time may be late with the money`(engine: Engine) async throws {
        try await withUPI(engine) { upi in
            let id = try await upi.newCode()
            #expect(try await upi.report(id, status: "failed").status == 200)
            #expect(try await upi.status(id) == "failed")
            #expect(try await upi.report(id, status: "processing").status == 200)
            upi.test.clock.advance(by: .hours(3))
            #expect(try await upi.status(id) == "processing")
            #expect(try await upi.report(id)["outcome"] == "applied")
            // Nothing moves a paid code back.
            for status in ["failed", "processing"] { _ = try await upi.report(id, status: status) }
            #expect(try await upi.status(id) == "completed")
        }
    }

    @Test(arguments: Engine.available)
    func `codes are shown to their organisation, and to administrators`(engine: Engine) async throws {
        try await withUPI(engine) { upi in
            let id = try await upi.newCode()
            let other = try await upi.test.register("other")
            #expect(try await upi.status(id, as: other) == nil)
            func list(_ query: String, _ person: TestPerson) async -> TestResponse {
                await upi.test.call("GET", "\(UPIFixture.path)/transactions\(query)", token: person.token)
            }
            #expect(await list("", upi.person)["total"] == 1)
            #expect(await list("", other)["total"] == 0)
            #expect(await list("?organisation_id=\(upi.person.organisation)", other).status == 403)
            #expect(await list("?status=expired", upi.administrator)["total"] == 0)
            let all = await list("?user_id=\(upi.person.id)&status=pending", upi.administrator)
            #expect(all["total"] == 1 && all["data"]?[0]?["payment_id"]?.string == id, "\(all)")
            let unverified = try await upi.test.register("unverified", isVerified: false)
            #expect(try await upi.code(as: unverified).code == "email-not-verified")
        }
    }
}
