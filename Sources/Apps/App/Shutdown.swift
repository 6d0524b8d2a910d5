import Dispatch
import Foundation
import Modules
import ServiceLifecycle
import Synchronization
import UnixSignals

/// Whether the process is stopping, which `/ready` reports from the first moment.
package final class Shutdown: Sendable {
    private let begun = Atomic(false)
    private let complete = Atomic(false)

    package var hasBegun: Bool { begun.load(ordering: .acquiring) }
    package func begin() { begun.store(true, ordering: .releasing) }

    /// After it neither a signal nor the time limit ends the process.
    func end() { complete.store(true, ordering: .releasing) }

    /// Begins a graceful shutdown of `group` at the first SIGTERM or SIGINT. Ends the process at the second, and after
    /// `timeout`, whatever does not answer.
    func follow(signalsOf group: ServiceGroup, timeout: Duration, logger: Logger) async {
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
            if complete.load(ordering: .acquiring) { return }
            guard !hasBegun else {
                logger.warning("a second signal: the process ends at once")
                Self.endProcess(128 + signal.rawValue)
            }
            begin()
            logger.notice("the process is stopping", metadata: ["signal": "\(signal)"])
            Task {
                try? await Task.sleep(for: timeout)
                guard !self.complete.load(ordering: .acquiring) else { return }
                logger.error("SHUTDOWN_TIMEOUT is over: the process ends without what is still running")
                Self.endProcess(EXIT_FAILURE)
            }
            await group.triggerGracefulShutdown()
        }
    }

    /// Ends the process without the handlers of `exit`, which wait for threads that compute.
    private static func endProcess(_ status: Int32) -> Never {
        let flushed = DispatchSemaphore(value: 0)
        // Standard output may block.
        DispatchQueue.global().async {
            LogOutput.standard.flush()
            flushed.signal()
        }
        _ = flushed.wait(timeout: .now() + .milliseconds(200))
        _exit(status)
    }
}

/// Services that run and stop side by side, as one service of a group, whose services stop one after the other.
struct ConcurrentServices: Service {
    let services: [any Service]

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for service in services { tasks.addTask { try await service.run() } }
            try await tasks.waitForAll()
        }
    }
}

/// A service that goes on for a while after the start of a graceful shutdown.
///
/// Load balancers read 503 from `/ready` in that time, and send no more requests before connections are refused.
struct DelayedShutdown: Service {
    let service: any Service
    let delay: Duration
    let logger: Logger

    func run() async throws {
        let group = ServiceGroup(
            configuration: .init(services: [.named(service)], gracefulShutdownSignals: [], logger: logger))
        // Detached, because a group follows the graceful shutdown of the task that runs it at once.
        let running = Task.detached { try await group.run() }
        let stopping = Task {
            do {
                try await gracefulShutdown()
                try await Task.sleep(for: delay)
            } catch {
                return
            }
            await group.triggerGracefulShutdown()
        }
        defer { stopping.cancel() }
        try await withTaskCancellationHandler {
            try await running.value
        } onCancel: {
            running.cancel()
        }
    }
}
