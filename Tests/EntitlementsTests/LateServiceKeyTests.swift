import App
import Base
import Modules
import TestKit
import Testing

/// A service key that is revoked, or a plan that ends, while the body of a request arrives.
@Suite struct LateServiceKeyTests {
    @Test(arguments: Engine.available, [Duration.zero, .seconds(30)])
    func `a revoked key neither reserves, settles nor reports, however late the body ends`(
        _ engine: Engine, _ wait: Duration
    ) async throws {
        try await withQuotaFixture(engine) { quota in
            let app = quota.app, administrator = try await app.administrator()
            let key = try await app.serviceKey(administrator: administrator)
            let headers = key.headers(in: quota.person.organisation)
            func hold(_ path: String, _ body: JSONValue) async throws -> HeldRequest {
                try await app.hold("POST", "/v1/\(path)", json: body, headers: headers)
            }
            let made = await app.call(
                "POST", "/v1/entitlements/reservations", json: ["meter": "uploads", "operation": "first"],
                headers: headers)
            let id = try #require(made["id"]?.string, "\(made)")
            let held = [
                try await hold("entitlements/reservations", ["meter": "uploads", "operation": "late"]),
                try await hold("entitlements/reservations/\(id)/commit", ["units": 1]),
                try await hold("usage/events", ["id": "late", "meter": "uploads", "amount": 1]),
            ]
            let revoked = await app.call(
                "DELETE", "/v1/admin/service-keys/\(key.id)", token: administrator.token)
            #expect(revoked.status == 204)
            app.clock.advance(by: wait)
            for request in held {
                let response = await request.finish()
                #expect(response.status == 401 && response.code == "authentication-failed", "\(response)")
            }
            #expect(try await quota.state(ID(trusted: id)) == "held")
            #expect(try await quota.count("reservations") == 1)
            #expect(try await quota.count("usage_entries") == 0)
            try await quota.requireInvariants()
        }
    }

    @Test(arguments: Engine.available)
    func `nothing is reserved for a plan that ended while the body arrived`(_ engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let app = quota.app
            let late = try await app.hold(
                "POST", "/v1/entitlements/reservations", json: ["meter": "uploads", "operation": "late"],
                headers: try await quota.service())
            let ended = await app.call(
                "POST", "/v1/payments/cancel-subscription", json: ["immediate": true], token: quota.person.token)
            #expect(ended.status == 200, "\(ended)")
            app.clock.advance(by: .seconds(1))
            let response = await late.finish()
            #expect(response.status == 403 && response.code == "no-active-subscription", "\(response)")
            #expect(try await quota.count("reservations") == 0)
        }
    }
}
