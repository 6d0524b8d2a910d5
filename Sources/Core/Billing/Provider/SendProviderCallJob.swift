import Modules

/// Sends a call to the provider where the request that caused it did not, and follows it until its outcome is known.
struct SendProviderCallJob: Job {
    static let name = "billing.send-provider-call"
    static let lane = JobLane.outbound
    /// Until then the request that caused the call sends it.
    static let delay = Duration.seconds(2)
    /// The shortest time between two looks.
    static let pause = Duration.seconds(1)

    let call: ID<ProviderCall>

    static func options(_ call: ProviderCall, at time: Instant) -> JobOptions {
        JobOptions(runAt: time, uniqueKey: call.id.text, organisation: call.organisation?.text)
    }

    static func worker(_ calls: ProviderCallService, _ runtime: Runtime) -> Worker {
        Worker(Self.self) { job, _ in
            switch try await calls.advance(job.call, early: false) {
            case .settled, .stuck, .missing: .done
            case .wait(let time), .unknown(let time): .snooze(for: max(pause, time - runtime.now()))
            }
        }
    }
}
