import Base
import Modules
import TestKit
import Testing

@testable import Billing

/// Money by UPI, with each step of its transactions failing once: it is posted, applied and invoiced once.
@Suite struct UPIFaultTests {
    @Test(arguments: Engine.available)
    func `a code, and the report that pays it, have their effect once`(engine: Engine) async throws {
        let loop = FaultLoop.ofMoney
        try await withUPI(engine, databaseWrapper: loop.wrap) { upi in
            try await loop.run("code", on: upi.test, atLeast: 5) { try await upi.code().require(200) }
            #expect(try await upi.count("upi_payments") == 1)
            let id = try await upi.newCode()
            try await loop.run("progress", on: upi.test, atLeast: 2) {
                try await upi.report(id, status: "processing").require(200)
            }
            try await loop.run("report", on: upi.test, atLeast: 30) {
                let response = try await upi.report(id)
                guard response["outcome"] == "applied" else { throw UnexpectedResponse(response) }
            }
            try await requirePaid(id, upi)
        }
    }

    @Test(arguments: Engine.available)
    func `a confirmation by an administrator has its effect once`(engine: Engine) async throws {
        let loop = FaultLoop.ofMoney
        try await withUPI(engine, databaseWrapper: loop.wrap) { upi in
            let id = try await upi.newCode()
            try await loop.run("confirmation", on: upi.test, atLeast: 30) {
                let response = await upi.test.call(
                    "POST", "\(UPIFixture.path)/\(id)/confirmation",
                    json: ["bank_reference": "412345678901", "amount_minor": 79_900], token: upi.administrator.token)
                guard response["outcome"] == "applied" else { throw UnexpectedResponse(response) }
            }
            try await requirePaid(id, upi)
        }
    }

    @Test(arguments: Engine.available)
    func `late money is queued, credited and returned once`(engine: Engine) async throws {
        let loop = FaultLoop.ofMoney
        try await withUPI(engine, databaseWrapper: loop.wrap) { upi in
            let id = try await upi.newCode()
            upi.test.clock.advance(by: .minutes(16))
            for (reference, count) in [("412345678901", 10), ("412345678902", 0)] {
                try await loop.run("late money", on: upi.test, atLeast: count) {
                    let response = try await upi.report(id, reference)
                    guard response["outcome"] == "unclaimed" else { throw UnexpectedResponse(response) }
                }
            }
            #expect(try await upi.balances() == ["provider": -159_800, "unclaimed": 159_800])
            let receipts = try await upi.queue().compactMap { $0["id"]?.string }
            #expect(receipts.count == 2)
            try await loop.run("credit", on: upi.test, atLeast: 30) {
                try await upi.resolve(receipts[0], ["action": "credit"]).require(200, or: "receipt-state")
            }
            try await loop.run("return", on: upi.test, atLeast: 5) {
                try await upi.resolve(receipts[1], ["action": "refund", "refund_reference": "out-0001"])
                    .require(200, or: "receipt-state")
            }
            #expect(try await upi.queue() == [])
            #expect(try await upi.balances() == ["provider": -159_800, "revenue": 79_900, "refunded": 79_900])
            #expect(try await upi.count("invoices") == 1)
            #expect(try await upi.status(id) == "completed")
        }
    }

    private func requirePaid(_ id: String, _ upi: UPIFixture) async throws {
        #expect(try await upi.status(id) == "completed")
        #expect(try await upi.balances() == ["provider": -79_900, "revenue": 79_900])
        #expect(try await upi.count("upi_receipts") == 1)
        #expect(try await upi.count("payments WHERE method = 'upi' AND state = 'succeeded'") == 1)
        #expect(try await upi.count("invoices") == 1)
        #expect(try await upi.subscription()?.paidThrough == Instant("2026-02-28T12:00:00Z"))
        #expect(try await upi.test.mail(to: upi.person.email).count { $0.text.contains("412345678901") } == 1)
    }
}
