import App
import Modules

/// Runs `body` with another process on the database and in the data folder of `test`, such as the one that follows it.
/// Its database is not wrapped.
package func withAnotherProcess(of test: TestApp, _ body: (TestApp) async throws -> Void) async throws {
    let (clock, log) = (test.clock, LogOutput(keepsLines: true))
    let runtime = Runtime(now: { clock.now }, randomBytes: Runtime.system.randomBytes)
    let app = try await buildApp(
        test.app.configuration, in: AppDependencies(runtime: runtime, clock: { clock.now }, logOutput: log))
    try await attempt {
        try await body(TestApp(app: app, clock: clock, engine: test.engine, log: log))
    } finally: {
        await app.close()
    }
}
