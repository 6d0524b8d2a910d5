import App
import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Entitlements

/// `gatehouse work`: a process that runs jobs and serves no requests.
@Suite struct WorkerProcessTests {
    @Test(arguments: Engine.available)
    func `a worker refreshes changed plans and revocations as a server does`(engine: Engine) async throws {
        try await withQuotaFixture(engine) { quota in
            let administrator = try await quota.app.administrator()
            let worker = try await buildApp(quota.app.app.configuration, in: quota.dependencies)
            let workerApp = TestApp(app: worker, clock: quota.app.clock, engine: engine, log: quota.app.log)
            let task = Task { try await worker.work(stopOnSignals: false) }
            #expect(await workerApp.call("GET", "/v1/auth/profile", token: quota.person.token).status == 200)
            #expect(worker.entitlements.plans.current[Plan.ID("free")]?.limits["uploads"] == .upTo(5))

            let document: JSONValue = [
                "name": "Free", "start": "anyone", "limits": ["uploads": 7], "file_mb": 10, "storage_mb": 512,
            ]
            let changed = await quota.app.call(
                "PUT", "/v1/admin/plans/free", json: ["plan": document], token: administrator.token)
            #expect(changed.status == 200, "\(changed)")
            #expect(
                try await eventually {
                    worker.entitlements.plans.current[Plan.ID("free")]?.limits["uploads"] == .upTo(7)
                })

            #expect(await quota.app.call("POST", "/v1/auth/logout", token: quota.person.token).status < 300)
            // The account cache of the gate expires after half a second.
            quota.app.clock.advance(by: .seconds(1))
            #expect(
                try await eventually {
                    await workerApp.call("GET", "/v1/auth/profile", token: quota.person.token).status == 401
                })
            task.cancel()
            _ = try? await task.value
        }
    }
}
