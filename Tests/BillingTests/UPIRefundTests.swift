import Base
import Modules
import TestKit
import Testing

@testable import Billing

/// Refunds of payments by UPI: a queue of what administrators return by the bank.
@Suite struct UPIRefundTests {
    /// A month of the plan `student` that is paid for.
    private func pay(_ upi: UPIFixture, _ bankReference: String = "in-0001") async throws -> String {
        #expect(try await upi.report(try await upi.newCode(), bankReference)["outcome"] == "applied")
        let history = await upi.test.call(
            "GET", "/v1/payments/history", token: try await upi.token(of: upi.person))
        return try #require(history["data"]?[0]?["id"]?.string)
    }

    private func admin(_ upi: UPIFixture, _ method: String, _ path: String, _ json: JSONValue? = nil, key: String = "")
        async throws -> TestResponse
    {
        await upi.test.call(
            method, "/v1/admin/\(path)", json: json, token: try await upi.token(of: upi.administrator),
            headers: key.isEmpty ? [:] : ["Idempotency-Key": key])
    }

    private func request(_ upi: UPIFixture, _ payment: String, _ minor: Int64?, key: String = "key-1") async throws
        -> TestResponse
    {
        var body: [String: JSONValue] = ["reason": "a complaint"]
        body["amount_minor"] = minor.map { .integer($0) }
        return try await admin(upi, "POST", "payments/\(payment)/refunds", .object(body), key: key)
    }

    private func settle(_ upi: UPIFixture, _ refund: TestResponse, _ reference: String) async throws -> TestResponse {
        try await admin(
            upi, "POST", "refunds/\(refund["id"]?.string ?? "")/settlement", ["bank_reference": .string(reference)])
    }

    @Test(arguments: Engine.available)
    func `a refund waits for the bank's reference, and is settled once`(engine: Engine) async throws {
        try await withUPI(engine) { upi in
            let payment = try await pay(upi)
            let refund = try await request(upi, payment, 30_000)
            #expect(refund.status == 201 && refund["status"] == "requested", "\(refund)")
            #expect(try await request(upi, payment, 30_000)["id"] == refund["id"])
            #expect(
                try await upi.balances() == ["provider": -79_900, "revenue": 49_900, "refund_pending": 30_000])
            let queue = try await admin(upi, "GET", "refunds?status=requested&method=upi")
            #expect(queue["total"] == 1 && queue["data"]?[0]?["id"] == refund["id"], "\(queue)")
            // Not by the reference of money that has arrived, and not by one of another form.
            #expect(try await settle(upi, refund, "IN-0001").code == "bank-reference-used")
            #expect(try await settle(upi, refund, "x y z").status == 422)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 1...3 {
                    group.addTask { try await settle(upi, refund, "out-000\(number)").status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [200, 409, 409])
            #expect(try await upi.balances() == ["provider": -79_900, "revenue": 49_900, "refunded": 30_000])
            let settled = try await admin(upi, "GET", "refunds?status=succeeded")["data"]?[0]
            let reference = try #require(settled?["bank_reference"]?.string)
            // A repeat is answered alike.
            let repeated = try await settle(upi, refund, reference.lowercased())
            #expect(repeated.status == 200 && repeated["settled_at"] == settled?["settled_at"], "\(repeated)")
            #expect(try await admin(upi, "DELETE", "refunds/\(refund["id"]?.string ?? "")").code == "refund-state")
            #expect(try await upi.count("invoices WHERE kind = 'credit_note' AND total = 30000") == 1)
            #expect(try await upi.count("audit_events WHERE action = 'refund.settled'") == 1)
            #expect(try await upi.subscription()?.plan == "student")
        }
    }

    @Test(arguments: Engine.available)
    func `never more than was paid is requested, also by requests at once, and what is given up comes back`(
        engine: Engine
    ) async throws {
        try await withUPI(engine) { upi in
            let payment = try await pay(upi)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 1...4 {
                    group.addTask { try await request(upi, payment, 30_000, key: "key-\(number)").status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [201, 201, 409, 409])
            let rest = try await request(upi, payment, nil, key: "rest")
            #expect(rest["amount_minor"] == 19_900, "\(rest)")
            #expect(try await request(upi, payment, 1, key: "more").code == "refund-too-high")
            for _ in 0..<2 {
                let given = try await admin(upi, "DELETE", "refunds/\(rest["id"]?.string ?? "")")
                #expect(given.status == 200 && given["status"] == "failed", "\(given)")
            }
            #expect(try await settle(upi, rest, "out-0001").code == "refund-state")
            #expect(
                try await upi.balances() == ["provider": -79_900, "revenue": 19_900, "refund_pending": 60_000])
            #expect(await upi.test.call("GET", "/v1/admin/refunds", token: upi.person.token).status == 403)
        }
    }

    @Test(arguments: Engine.available)
    func `a reference is used once for refunds and for money of the queue, and a whole refund ends the plan`(
        engine: Engine
    ) async throws {
        try await withUPI(engine) { upi in
            let payment = try await pay(upi)
            let refund = try await request(upi, payment, nil)
            _ = try await upi.report("qr_unknown", "in-0002")
            let receipt = try await upi.queue().first?["id"]?.string
            let settled = try await settle(upi, refund, "out-0001")
            #expect(settled.status == 200 && settled["status"] == "succeeded", "\(settled)")
            #expect(try await upi.subscription() == nil)
            for reference in ["out-0001", "in-0001"] {
                let refused = try await upi.resolve(
                    receipt, ["action": "refund", "refund_reference": .string(reference)])
                #expect(refused.code == "bank-reference-used", "\(reference): \(refused)")
            }
            let resolved = try await upi.resolve(receipt, ["action": "refund", "refund_reference": "out-0002"])
            #expect(resolved["outcome"] == "refunded", "\(resolved)")
            #expect(try await upi.balances() == ["provider": -159_800, "refunded": 159_800])
            // Money that arrives has a reference of its own.
            #expect(try await upi.report(try await upi.newCode(), "out-0001").code == "bank-reference-used")
            // The plan can be paid for again.
            _ = try await pay(upi, "in-0003")
            #expect(try await upi.subscription()?.plan == "student")
        }
    }

    @Test(arguments: Engine.available)
    func `periods are refunded from the last one on, and none is added while the last one's money is returned`(
        engine: Engine
    ) async throws {
        try await withUPI(engine) { upi in
            let first = try await pay(upi)
            let through = try await upi.subscription()?.paidThrough
            upi.test.clock.advance(by: .minutes(1))
            let second = try await pay(upi, "in-0002")
            let open = try await upi.newCode()
            let early = try await request(upi, first, nil, key: "first")
            #expect(early.status == 409 && early.code == "payment-state", "\(early)")
            let last = try await request(upi, second, nil, key: "second")
            #expect(last.status == 201, "\(last)")
            // What was requested is in effect until it is returned.
            #expect(try await request(upi, first, nil, key: "first").code == "payment-state")
            let more = try await upi.code()
            #expect(more.status == 409 && more.code == "already-subscribed", "\(more)")
            let late = try await upi.report(open, "in-0003")
            #expect(late.status == 200 && late["outcome"] == "unclaimed", "\(late)")
            let receipt = try await upi.queue().first?["id"]?.string
            #expect(try await upi.resolve(receipt, ["action": "credit"]).code == "already-subscribed")
            #expect(try await settle(upi, last, "out-0002").status == 200)
            #expect(try await upi.subscription()?.paidThrough == through)
            let earlier = try await request(upi, first, nil, key: "first")
            #expect(try await settle(upi, earlier, "out-0001").status == 200)
            #expect(try await upi.subscription() == nil)
        }
    }

    @Test(arguments: Engine.available)
    func `a refund that the bank sends back gives the plan again, unless another one is in effect`(engine: Engine)
        async throws
    {
        try await withUPI(engine) { upi in
            let payment = try await pay(upi)
            let through = try await upi.subscription()?.paidThrough
            let refund = try await request(upi, payment, nil)
            let path = "refunds/\(refund["id"]?.string ?? "")/sent-back"
            #expect(try await admin(upi, "POST", path).code == "refund-state")
            _ = try await settle(upi, refund, "out-0001")
            #expect(try await upi.subscription() == nil)
            upi.test.clock.advance(by: .days(3))
            for _ in 0..<2 {
                let failed = try await admin(upi, "POST", path)
                #expect(failed.status == 200 && failed["status"] == "failed", "\(failed)")
            }
            #expect(try await upi.balances() == ["provider": -79_900, "revenue": 79_900])
            #expect(try await upi.subscription()?.paidThrough == through)
            #expect(try await upi.count("invoices WHERE kind = 'invoice' AND total = 79900") == 2)
            #expect(try await upi.count("audit_events WHERE action = 'prepaid-period.restored'") == 1)

            // The second refund comes back when the next plan is in effect.
            let second = try await request(upi, payment, nil, key: "key-2")
            _ = try await settle(upi, second, "out-0002")
            upi.test.clock.advance(by: .minutes(1))
            _ = try await pay(upi, "in-0002")
            let next = try await upi.subscription()?.paidThrough
            let late = try await admin(upi, "POST", "refunds/\(second["id"]?.string ?? "")/sent-back")
            #expect(late.status == 200, "\(late)")
            #expect(try await upi.subscription()?.paidThrough == next)
            #expect(try await upi.count("audit_events WHERE action = 'prepaid-period.not-restored'") == 1)
            #expect(try await upi.balances() == ["provider": -159_800, "revenue": 159_800])
        }
    }
}
