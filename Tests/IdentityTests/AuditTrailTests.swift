import App
import Audit
import Base
import Modules
import TestKit
import Testing

@testable import Identity

/// The endpoints that read the audit trail.
@Suite struct AuditTrailTests {
    @Test(arguments: Engine.available)
    func `administrators filter the trail by action, outcome, actor and target, newest first`(engine: Engine)
        async throws
    {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator(), person = try await app.register()
            _ = await app.call(
                "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": "not the password"])
            app.clock.advance(by: .seconds(1))
            _ = await app.call(
                "PATCH", "/v1/auth/users/\(person.id)", json: ["role": "lab"], token: administrator.token)
            func logs(_ query: String) async -> TestResponse {
                await app.call("GET", "/v1/admin/audit-logs?\(query)", token: administrator.token)
            }
            func actions(_ response: TestResponse) -> [String] {
                response["data"]?.array?.compactMap { $0["action"]?.string } ?? []
            }

            let all = await logs("")
            #expect(all.status == 200 && all["limit"] == 50 && all["offset"] == 0)
            #expect(
                all["total"]?.integer == Int64(actions(all).count)
                    && Set(actions(all).prefix(2)) == ["account.role-changed", "account.sessions-ended"])
            #expect(
                Set(actions(await logs("target_user_id=\(person.id)"))).isSuperset(of: [
                    "account.role-changed", "account.sessions-ended",
                ]))
            #expect(actions(await logs("action=account.role-changed")) == ["account.role-changed"])
            let failures = await logs("status=failure")
            #expect(
                actions(failures) == ["session.created"]
                    && failures["data"]?[0]?["resource_id"] == .string(person.id.text))
            let changed = await logs("action=account.role-changed&actor_user_id=\(administrator.id)&status=success")
            let row = try #require(changed["data"]?[0])
            #expect(
                row["target_user_id"] == .string(person.id.text) && row["resource_type"] == "account"
                    && row["ip_address"] == "192.0.2.1")
            #expect(row["details"] == ["from": "user", "to": "lab"] && row["request_id"]?.string?.isEmpty == false)
            let page = await logs("limit=1&offset=1")
            #expect(actions(page) == [actions(all)[1]] && page["total"] == all["total"])
            #expect(await logs("actor_user_id=unknown")["total"] == 0)
            for query in ["limit=201", "limit=0", "offset=-1", "status=great", "action=%00"] {
                #expect(await logs(query).status == 422, "\(query)")
            }
            #expect(await app.call("GET", "/v1/admin/audit-logs", token: person.token).status == 401)
            #expect(try await app.app.audit.verification.verify().isSound)
        }
    }

    @Test(arguments: Engine.available)
    func `an account reads its own actions and those on it, and no others`(engine: Engine) async throws {
        try await withTestApp(engine) { app in
            let administrator = try await app.administrator(), person = try await app.register(),
                other = try await app.register()
            _ = await app.call(
                "POST", "/v1/auth/login", json: ["email": .string(person.email), "password": "not the password"],
                address: "198.51.100.9")
            _ = await app.call(
                "POST", "/v1/auth/users/\(person.id)/impersonation", json: ["reason": "A support question"],
                token: administrator.token)
            let mine = await app.call("GET", "/v1/auth/activity", token: person.token)
            let rows = try #require(mine["data"]?.array)
            #expect(mine.status == 200 && mine["total"]?.integer == Int64(rows.count))
            let seen = Set(
                rows.map { "\($0["action"]?.string ?? "") \($0["status"]?.string ?? "") \($0["by"]?.string ?? "")" })
            #expect(
                seen.isSuperset(of: [
                    "account.created success you", "session.created success you", "session.created failure stranger",
                ]))
            #expect(seen.contains("impersonation.begun success administrator"))
            #expect(
                rows.allSatisfy {
                    $0["by"] != "administrator" || $0["ip_address"] == JSONValue.null || $0["ip_address"] == nil
                })
            #expect(mine.text.contains("198.51.100.9") && !mine.text.contains(administrator.id.text))
            #expect(await !app.call("GET", "/v1/auth/activity", token: other.token).text.contains(person.id.text))
            #expect(await app.call("GET", "/v1/auth/activity?limit=1", token: person.token)["data"]?.array?.count == 1)
            #expect(await app.call("GET", "/v1/auth/activity?limit=101", token: person.token).status == 422)
        }
    }
}
