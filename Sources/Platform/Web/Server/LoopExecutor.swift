import NIOCore

/// Runs the jobs of tasks on one event loop.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
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
