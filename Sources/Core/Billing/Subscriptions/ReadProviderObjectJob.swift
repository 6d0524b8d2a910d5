import Identity
import Modules

/// Reads an object of the provider whose events may be missing.
struct ReadProviderObjectJob: Job {
    static let name = "billing.read-object"
    static let lane = JobLane.outbound

    enum Kind: String, Codable, Sendable {
        case subscription, invoice, session

        fileprivate var provider: ProviderObjectKind {
            switch self {
            case .subscription: .subscription
            case .invoice: .invoice
            case .session: .checkoutSession
            }
        }
    }

    let object: String
    let kind: Kind

    static func worker(_ events: ProviderEventService) -> Worker {
        Worker(Self.self) { job, _ in
            do {
                try await events.refresh(job.object, job.kind.provider)
            } catch let problem as Problem where problem.kind == .notFound || problem.kind == .notConfigured {}
            return .done
        }
    }

    static func options(_ object: String, of organisation: ID<Organisation>) -> JobOptions {
        JobOptions(uniqueKey: object, organisation: organisation.text)
    }
}
