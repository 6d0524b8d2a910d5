import Audit
import Identity
import Mail
package import Modules

/// Trials: one per person, started by the verification of an e-mail address, with reminders before the end.
final class TrialService: Sendable {
    /// How many subscriptions one transaction settles.
    static let batchMax = 200

    private let database: any Database
    private let plans: PlanCatalog
    private let entitlements: EntitlementCache
    private let credits: CreditService
    private let retention: RetainedUsageService
    private let audit: AuditService
    private let events: SubscriptionEvents
    private let mailer: Mailer
    private let runtime: Runtime

    init(
        database: any Database, plans: PlanCatalog, entitlements: EntitlementCache, credits: CreditService,
        retention: RetainedUsageService, audit: AuditService, events: SubscriptionEvents, mailer: Mailer,
        runtime: Runtime
    ) {
        self.database = database
        self.plans = plans
        self.entitlements = entitlements
        self.credits = credits
        self.retention = retention
        self.audit = audit
        self.events = events
        self.mailer = mailer
        self.runtime = runtime
    }

    /// Starts a person's trial where the plans include one, the person has had none, also with an earlier account of
    /// the same address, and the organisation has no live subscription.
    /// - Returns: nil where no trial is started.
    func begin(for person: ID<Person>, of organisation: ID<Organisation>, in transaction: Transaction) throws
        -> Subscription?
    {
        guard let plan = plans.current.plans.first(where: { $0.start == .trial }), let terms = plan.trial,
            try !retention.hasHadTrial(person, in: transaction)
        else {
            return nil
        }
        let anchor = try retention.anchor(for: plan, of: organisation, person: person, in: transaction)
        let subscription = Subscription(
            id: runtime.id(), organisation: organisation, trialOf: plan.id, days: terms.days, anchor: anchor,
            at: transaction.now)
        guard try transaction.insertTrial(of: person, subscription), try transaction.insert(subscription) else {
            try transaction.deleteTrial(subscription)
            return nil
        }
        entitlements.invalidate(organisation, after: transaction)
        try credits.grantTrialCredits(terms.credits, to: subscription, in: transaction)
        try audit.record(
            AuditEvent(
                "subscription.trial-started", actor: person.text, organisation: organisation.text,
                subject: subscription.id.text,
                details: ["plan": plan.id.text, "credits": "\(terms.credits)"]),
            in: transaction
        )
        try events.updated(subscription, by: "subscription.trial-started", in: transaction)
        return subscription
    }

    /// Starts the trial of the caller, whose address is verified.
    /// - Throws: `trial-used`, `already-subscribed`.
    func start(scope: Scope) async throws(Problem) -> TrialStatus {
        try await database.write { [self] transaction in
            try transaction.authority(of: scope, [.owner, .admin])
            if try retention.hasHadTrial(scope.person, in: transaction) { throw Problem(.trialUsed) }
            guard let subscription = try begin(for: scope.person, of: scope.organisation, in: transaction) else {
                throw Problem(.alreadySubscribed)
            }
            return try status(subscription, hasBeenUsed: true, of: scope.organisation, in: transaction)
        }
    }

    func status(scope: Scope) async throws(Problem) -> TrialStatus {
        try await database.read { [self] transaction in
            try status(
                try transaction.subscription(of: scope.organisation),
                hasBeenUsed: try retention.hasHadTrial(scope.person, in: transaction), of: scope.organisation,
                in: transaction)
        }
    }

    private func status(
        _ subscription: Subscription?, hasBeenUsed: Bool, of organisation: ID<Organisation>,
        in transaction: Transaction
    ) throws -> TrialStatus {
        TrialStatus(
            subscription, hasBeenUsed: hasBeenUsed,
            credits: try credits.balance(of: organisation, in: transaction).available, at: transaction.now)
    }

    /// Writes changes of subscriptions that are due, sends trial reminders, and deletes retained usage whose period has
    /// ended. Safe to run at any time and on several nodes at once.
    func settleAll() async throws(Problem) {
        try await database.write { try $0.deleteEndedRetainedPeriods() }
        while try await settleBatch() == Self.batchMax {}
        while try await remindBatch() == Self.batchMax {}
    }

    private func settleBatch() async throws(Problem) -> Int {
        try await database.write { [self] transaction in
            let due = try transaction.dueSubscriptions(limit: Self.batchMax)
            for var subscription in due {
                let wasTrial = subscription.status == .trialing
                guard subscription.settle(at: transaction.now) else { continue }
                try transaction.update(subscription)
                entitlements.invalidate(subscription.organisation, after: transaction)
                let action = subscription.status.isFinal ? "subscription.ended" : "subscription.plan-changed"
                try audit.record(
                    AuditEvent(
                        action, organisation: subscription.organisation.text, subject: subscription.id.text,
                        details: ["plan": subscription.plan.text]),
                    in: transaction
                )
                try events.updated(subscription, by: action, in: transaction)
                if wasTrial, subscription.status.isFinal {
                    try send("trial-ended", to: subscription, [:], in: transaction)
                }
            }
            return due.count
        }
    }

    private func remindBatch() async throws(Problem) -> Int {
        try await database.write { [self] transaction in
            let ending = try transaction.trialsToRemind(limit: Self.batchMax)
            for (subscription, days) in ending {
                guard let end = subscription.trialEndsAt, try transaction.insertReminder(of: subscription, days: days)
                else { continue }
                try send(
                    "trial-warning", to: subscription, ["days": "\(days)", "ends": end.description], in: transaction)
            }
            return ending.count
        }
    }

    private func send(
        _ template: String, to subscription: Subscription, _ values: [String: String], in transaction: Transaction
    ) throws {
        guard let person = try transaction.trialPerson(of: subscription),
            let contact = try Contact.of(person, in: transaction), contact.isEmailVerified
        else { return }
        try mailer.send(
            Email(template, to: contact.email, values: values.merging(["name": contact.name]) { first, _ in first }),
            in: transaction)
    }
}

extension Problem.Kind {
    package static let trialUsed = Self("trial-used", "Your trial has been used", status: 409)
}
