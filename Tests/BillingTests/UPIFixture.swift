import App
import Base
import Foundation
import Identity
import Modules
import Secrets
import TestKit
import Testing

@testable import Billing

/// A server with a UPI account, the payment service that reports to it, and an account that pays.
struct UPIFixture: Sendable {
    let test: TestApp
    let person: TestPerson
    let administrator: TestPerson

    static let secret = StandardWebhookSecret(bytes: Array(repeating: 7, count: 32))
    static let merchant = "Müller & Söhne, 50 % off?"
    static let path = "/v1/payments/qr-code"

    var database: any Database { test.app.database }

    /// A code for a month of the plan `student`, which costs 799 rupees.
    func code(_ members: [String: JSONValue] = [:], as other: TestPerson? = nil) async throws -> TestResponse {
        let json = ["plan": "student"].merging(members) { $1 }.filter { $0.value != .null }
        return await test.call("POST", Self.path, json: .object(json), token: try await token(of: other ?? person))
    }

    /// The id of a new code.
    func newCode(as other: TestPerson? = nil) async throws -> String {
        let response = try await code(as: other)
        guard response.status == 200, let id = response["payment_id"]?.string else {
            throw UnexpectedResponse(response)
        }
        return id
    }

    func status(_ id: String, as other: TestPerson? = nil) async throws -> String? {
        await test.call("GET", "\(Self.path)/\(id)/status", token: try await token(of: other ?? person))["status"]?
            .string
    }

    /// A report of the payment service.
    func report(
        _ reference: String, _ bankReference: String = "412345678901", amount: Int64 = 79_900, currency: String = "INR",
        status: String = "success", on app: TestApp? = nil
    ) async throws -> TestResponse {
        let body: JSONValue = [
            "reference": .string(reference), "amount_minor": .integer(amount), "currency": .string(currency),
            "bank_reference": .string(bankReference), "status": .string(status),
        ]
        return await send(Array(try JSONEncoder().encode(body)), on: app)
    }

    /// - Parameter signature: in place of the right one.
    func send(_ body: [UInt8], signature: String? = nil, on app: TestApp? = nil) async -> TestResponse {
        let now = test.clock.now
        let right = StandardWebhookSignature.text(of: body, id: "msg_1", at: now, with: [Self.secret])
        return await (app ?? test).call(
            "POST", "/v1/webhooks/upi", body: ("application/json", body),
            headers: [
                "webhook-id": "msg_1", "webhook-timestamp": "\(now.seconds)", "webhook-signature": signature ?? right,
            ])
    }

    func resolve(_ receipt: String?, _ json: JSONValue) async throws -> TestResponse {
        await test.call(
            "POST", "/v1/admin/upi-receipts/\(receipt ?? "")/resolution", json: json,
            token: try await token(of: administrator))
    }

    /// The money of the queue, oldest first.
    func queue() async throws -> [JSONValue] {
        let response = await test.call(
            "GET", "/v1/admin/upi-receipts?outcome=unclaimed", token: try await token(of: administrator))
        guard let data = response["data"]?.array else { throw UnexpectedResponse(response) }
        return data
    }

    /// A new access token where the clock has moved beyond the lifetime of the first one.
    func token(of person: TestPerson) async throws -> String {
        guard await test.call("GET", "/v1/auth/me", token: person.token).status == 401 else { return person.token }
        let response = await test.call(
            "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": .string(person.password)])
        guard let token = response["access_token"]?.string else { throw UnexpectedResponse(response) }
        return token
    }

    func count(_ condition: String) async throws -> Int64 {
        try await database.read { try $0.count(SQL(trusted: "SELECT COUNT(*) AS count FROM \(condition)")) }
    }

    /// The balances of the accounts in rupees, by name.
    func balances() async throws -> [String: Int64] {
        let rows = try await database.read { transaction in
            try transaction.all("SELECT name, balance FROM ledger_accounts WHERE unit = 'inr' AND balance <> 0") {
                (try $0.read("name", as: String.self), try $0.read("balance", as: Int64.self))
            }
        }
        return Dictionary(rows, uniquingKeysWith: +)
    }

    /// The plan, the status and the end of the organisation's live subscription.
    func subscription() async throws -> (plan: String, status: String, paidThrough: Instant?)? {
        let organisation = person.organisation
        return try await database.read { transaction in
            try transaction.first(
                """
                SELECT plan_id, status, paid_through FROM subscriptions
                WHERE organisation_id = \(organisation) AND is_live = 1
                """
            ) { (plan: try $0["plan_id"], status: try $0["status"], paidThrough: try $0["paid_through"]) }
        }
    }
}

func withUPI(
    _ engine: Engine, databaseWrapper: @escaping @Sendable (any Database) -> any Database = { $0 },
    change: (inout Configuration) -> Void = { _ in }, _ body: (UPIFixture) async throws -> Void
) async throws {
    try await withTestApp(
        engine, databaseWrapper: databaseWrapper,
        change: {
            $0.upiAddress = "shop.test@bank"
            $0.upiMerchantName = UPIFixture.merchant
            $0.upiCallbackSecrets = [UPIFixture.secret.text]
            $0.poolSize = 8
            change(&$0)
        }
    ) { test in
        let fixture = UPIFixture(
            test: test, person: try await test.register("payer"), administrator: try await test.administrator())
        try await body(fixture)
        let faults = try await Invariants.faults(in: test.app.database)
        #expect(faults == [])
    }
}
