import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// `gatehouse work`: a process that runs jobs and answers nobody.
@Suite struct WorkerProcessTests {
    @Test(arguments: Engine.available)
    func `a worker learns of changed plans and of revocations as a server does`(engine: Engine) async throws {
        try await withTill(engine) { till in
            let administrator = try await till.app.administrator()
            let worker = try await buildApp(till.app.app.configuration, in: till.dependencies)
            let own = TestApp(app: worker, clock: till.app.clock, engine: engine, log: till.app.log)
            let work = Task { try await worker.work(stopOnSignals: false) }
            #expect(await own.call("GET", "/v1/auth/profile", token: till.person.token).status == 200)
            #expect(worker.entitlements.plans.current[Plan.ID("free")]?.limits["uploads"] == .upTo(5))

            let document: JSONValue = [
                "name": "Free", "start": "anyone", "limits": ["uploads": 7], "file_mb": 10, "storage_mb": 512,
            ]
            let changed = await till.app.call(
                "PUT", "/v1/admin/plans/free", json: ["plan": document], token: administrator.token)
            #expect(changed.status == 200, "\(changed)")
            #expect(await soon { worker.entitlements.plans.current[Plan.ID("free")]?.limits["uploads"] == .upTo(7) })

            #expect(await till.app.call("POST", "/v1/auth/logout", token: till.person.token).status < 300)
            // What the gate remembers for half a second has to be asked for again.
            till.app.clock.advance(by: .seconds(1))
            #expect(await soon { await own.call("GET", "/v1/auth/profile", token: till.person.token).status == 401 })
            work.cancel()
            _ = try? await work.value
        }
    }
}

/// Whether something comes to hold within some seconds; usually it does at once.
func soon(_ condition: () async -> Bool) async -> Bool {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
        if await condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return false
}
