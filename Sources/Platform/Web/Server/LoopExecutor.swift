import NIOCore
import Synchronization

/// Runs the jobs of tasks on one event loop.
///
/// Jobs that become ready while the loop is inside ``run(afterMakingReady:)`` run before it returns, without another
/// turn of the loop: a request whose handler waits for nothing is read, answered and written in one go.
///
/// `@unchecked Sendable`: all that changes is touched on the loop alone.
final class LoopExecutor: TaskExecutor, @unchecked Sendable {
    let loop: any EventLoop
    private var ready = CircularBuffer<UnownedJob>(initialCapacity: 16)
    private var isRunning = false
    private var isScheduled = false
    /// Jobs that came from other threads: the answers of a whole group of writes, for example, wake the loop once.
    private let arrived = Mutex<[UnownedJob]>([])

    /// Jobs that run in one go; the loop's sockets and timers have their turn before the next ones.
    private static let jobsMax = 256

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        guard loop.inEventLoop else { return arrive(job) }
        ready.append(job)
        if !isRunning { schedule() }
    }

    /// Runs the jobs that `body` makes ready, and those that they do. On the loop only; from within a job it is the
    /// surrounding call that runs them.
    func run(afterMakingReady body: () -> Void) {
        guard !isRunning else { return body() }
        isRunning = true
        body()
        var count = 0
        while count < Self.jobsMax, let job = ready.popFirst() {
            job.runSynchronously(on: asUnownedTaskExecutor())
            count += 1
        }
        isRunning = false
        if !ready.isEmpty { schedule() }
    }

    private func arrive(_ job: UnownedJob) {
        let isFirst = arrived.withLock { arrived in
            arrived.append(job)
            return arrived.count == 1
        }
        guard isFirst else { return }
        loop.execute {
            self.run {
                let jobs = self.arrived.withLock { arrived in
                    defer { arrived = [] }
                    return arrived
                }
                self.ready.append(contentsOf: jobs)
            }
        }
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        loop.execute {
            self.isScheduled = false
            self.run {}
        }
    }
}

/// One executor for each loop of a group.
struct LoopExecutors: Sendable {
    private let executors: [ObjectIdentifier: LoopExecutor]

    init(of group: any EventLoopGroup) {
        let pairs = group.makeIterator().map { (ObjectIdentifier($0), LoopExecutor($0)) }
        executors = Dictionary(pairs) { first, _ in first }
    }

    subscript(_ loop: any EventLoop) -> LoopExecutor { executors[ObjectIdentifier(loop)] ?? LoopExecutor(loop) }
}
