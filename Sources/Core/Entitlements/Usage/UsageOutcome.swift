import Modules

/// The outcome of an event that was reported.
struct UsageOutcome: Sendable {
    enum Result: Sendable {
        case counted(RecordedUsage, isNew: Bool)
        case refused(Problem)
    }

    let id: String
    let result: Result
}
