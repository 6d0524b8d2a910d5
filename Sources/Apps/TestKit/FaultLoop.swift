import App
import Base
package import Modules

/// Runs operations with each step of their transactions failing once (``UnavailableDatabase/Switch``), and checks
/// invariants after every run.
package struct FaultLoop: Sendable {
    private let faults = UnavailableDatabase.Switch()
    private let invariants: [Invariant]
    private let pause: Duration

    /// - Parameters:
    ///   - invariants: those of the tables that the operations change.
    ///   - pause: by which the clock moves after each run, so that leases end.
    package init(checking invariants: [Invariant], pause: Duration = .zero) {
        self.invariants = invariants
        self.pause = pause
    }

    /// For `withTestApp(databaseWrapper:)`.
    package var wrap: @Sendable (any Database) -> any Database { faults.wrap }

    /// - Parameters:
    ///   - name: of the operation, in messages.
    ///   - count: of the steps that have to fail at least. A step that an earlier operation of this loop had too has
    ///     failed in that one.
    ///   - between: what happens after each run, without a failing step.
    /// - Throws: ``Failure``; an error of `between`, and of `operation` where no step has failed.
    package func run(
        _ name: String, on test: TestApp, atLeast count: Int = 0, _ operation: () async throws -> Void,
        between: () async throws -> Void = {}
    ) async throws {
        let failed = try await faults.failEachStep(operation) {
            test.clock.advance(by: pause)
            try await between()
            let broken = try await invariants.faults(in: test.app.database)
            guard broken.isEmpty else { throw Failure(operation: name, reason: "\(broken)") }
        }
        guard failed >= count else { throw Failure(operation: name, reason: "only \(failed) steps have failed") }
    }

    package struct Failure: Error {
        package let operation: String
        package let reason: String
    }
}
