import App
import TestKit
import Testing

/// Modules give closures to one another: a closure that keeps its owner alive keeps the whole system, with its threads.
@Suite struct DeallocationTests {
    @Test(arguments: Engine.available)
    func `a system that was closed is freed, with its threads`(engine: Engine) async throws {
        weak var database: AnyObject?
        weak var queue: AnyObject?
        try await withTestApp(engine) { test in
            (database, queue) = (test.app.database as AnyObject, test.app.queue)
            #expect(await test.call("GET", "/health").status == 200)
            #expect(database != nil)
        }
        #expect(try await eventually { database == nil && queue == nil })
    }
}
