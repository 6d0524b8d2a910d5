import Audit
import Entitlements
import Identity
import Mail
import Models
import Modules

/// What clients ask of other services: language models and e-mails. What this installation has not is refused.
final class IntegrationService: Sendable {
    private let database: any Database
    private let planner: PlannerModel?
    private let iterations: PlannerIterations
    private let mailer: Mailer
    private let audit: AuditService

    init(
        database: any Database, model: PlannerModel?, iterations: PlannerIterations, mailer: Mailer, audit: AuditService
    ) {
        self.database = database
        planner = model
        self.iterations = iterations
        self.mailer = mailer
        self.audit = audit
    }

    /// An answer takes one iteration.
    /// - Throws: `not-configured` without a model; `model-unavailable`; `quota-exceeded`, `iterations-exhausted`.
    func complete(_ request: ModelPrompt, scope: Scope, allowance: QuotaAllowance) async throws(Problem)
        -> ModelCompletion
    {
        guard let planner else { throw Problem(.notConfigured, detail: "No language model is configured.") }
        try await iterations.requireLeft(allowance, scope)
        let text = try await planner.complete([ModelMessage(.user, request.prompt)], nil)
        try await database.write { [iterations] in try iterations.take(allowance, scope, in: $0) }
        return ModelCompletion(success: true, response: text)
    }

    /// Sends an e-mail to the caller's own address alone: no other recipient has asked for it.
    /// - Throws: `validation-failed` for another address; `email-not-verified`.
    func sendEmail(_ request: IntegrationEmail, scope: Scope) async throws(Problem) -> EmailQueued {
        try await database.write { [mailer, audit] transaction in
            try transaction.requireMarketplaceCaller(scope)
            guard let contact = try Contact.of(scope.person, in: transaction),
                contact.email.lowercased() == request.to.lowercased()
            else { throw Problem.invalid("/to", "must be your own address") }
            guard contact.isEmailVerified else { throw Problem(.emailNotVerified) }
            try mailer.send(
                Email(
                    "marketplace-note", to: contact.email,
                    values: ["name": contact.name, "title": request.subject, "text": request.body]),
                in: transaction)
            try audit.record(AuditEvent("email.requested", by: scope), in: transaction)
            return EmailQueued(success: true)
        }
    }

    /// A service that no setting of this program connects.
    /// - Throws: `not-configured`, always.
    func refuse(_ name: String) throws(Problem) -> Never {
        throw Problem(.notConfigured, detail: "This installation has no service for \(name).")
    }
}

/// The body of `POST /v1/integrations/invoke-llm`.
struct ModelPrompt: Payload {
    var prompt: String

    static let rules: [String: Rule] = ["prompt": .length(1...8_000)]
}

struct ModelCompletion: Payload {
    var success: Bool
    var response: String
}

/// The body of `POST /v1/integrations/send-email`. E-mails carry values of at most 200 characters.
struct IntegrationEmail: Payload {
    var to: String
    var subject: String
    var body: String

    static let rules: [String: Rule] = [
        "to": .length(3...254), "subject": .length(1...150), "body": .length(1...200),
    ]
}

struct EmailQueued: Payload {
    var success: Bool
}

/// The body of `POST /v1/integrations/generate-image`.
struct ImagePrompt: Payload {
    var prompt: String

    static let isOpen = true
    static let rules: [String: Rule] = ["prompt": .length(1...8_000)]
}

/// The body of `POST /v1/integrations/google-place-photos`.
struct PlaceQuery: Payload {
    var query: String

    static let isOpen = true
    static let rules: [String: Rule] = ["query": .length(1...500)]
}

/// The body of `POST /v1/integrations/extract-data-from-file`.
struct ExtractionRequest: Payload {
    var fileUrl: String

    static let isOpen = true
    static let rules: [String: Rule] = ["file_url": .length(1...2_048)]
}
