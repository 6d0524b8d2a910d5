import Base
import Synchronization

/// Ids that sort in the order in which this process made them, also within one millisecond (RFC 9562, section 6.2,
/// method 1): of jobs with equal priority and due time, the one that was enqueued first runs first.
final class JobIDs: Sendable {
    private static let counterMax: UInt16 = 0x0FFF

    private let runtime: Runtime
    private let last = Mutex((milliseconds: Int64.min, counter: UInt16(0)))

    init(runtime: Runtime) { self.runtime = runtime }

    func next() -> ID<QueuedJob> {
        let now = runtime.now().microseconds / 1_000
        let (milliseconds, counter) = last.withLock { last in
            if now > last.milliseconds {
                last = (now, 0)
            } else if last.counter == Self.counterMax {
                // More than 4,096 within a millisecond: continue in the next one.
                last = (last.milliseconds + 1, 0)
            } else {
                last.counter += 1
            }
            return last
        }
        let random = [UInt8(counter >> 8), UInt8(counter & 0xFF)] + runtime.randomBytes(8)
        return ID(trusted: UUIDText.version7(milliseconds: milliseconds, random: random))
    }
}
