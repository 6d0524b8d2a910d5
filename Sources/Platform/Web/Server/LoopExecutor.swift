import NIOCore
import Synchronization

/// Runs the jobs of tasks on one event loop.
///
/// Jobs that become ready inside ``run(afterMakingReady:)`` run before it returns, in the same tick of the loop: a
/// request whose handler does not suspend is read, answered and written in one tick.
///
/// `@unchecked Sendable`: mutable state is accessed on the loop only, except for the mutex.
final class LoopExecutor: TaskExecutor, @unchecked Sendable {
    let loop: any EventLoop
    private var ready = CircularBuffer<UnownedJob>(initialCapacity: 16)
    private var isRunning = false
    private var isScheduled = false
    /// Jobs enqueued by other threads. The first one wakes the loop: a group commit that resumes many requests wakes it
    /// once.
    private let arrived = Mutex<[UnownedJob]>([])

    /// Jobs that run in one tick, so that sockets and timers of the loop are not starved.
    private static let jobsMax = 256

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        guard loop.inEventLoop else { return enqueueFromElsewhere(job) }
        ready.append(job)
        if !isRunning { schedule() }
    }

    /// Runs the jobs that `body` makes ready, and the jobs that those make ready. On the loop only. Inside a job, the
    /// outer call runs them.
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

    private func enqueueFromElsewhere(_ job: UnownedJob) {
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

/// One executor per event loop of a group.
struct LoopExecutors: Sendable {
    private let executors: [ObjectIdentifier: LoopExecutor]

    init(of group: any EventLoopGroup) {
        let pairs = group.makeIterator().map { (ObjectIdentifier($0), LoopExecutor($0)) }
        executors = Dictionary(pairs) { first, _ in first }
    }

    subscript(_ loop: any EventLoop) -> LoopExecutor { executors[ObjectIdentifier(loop)] ?? LoopExecutor(loop) }
}
