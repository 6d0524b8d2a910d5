import Audit
import Identity
import Mail
package import Modules

/// Trials: once in a person's life, begun by proving an address, warned of before they end.
struct TrialService: Sendable {
    let database: any Database
    let plans: PlanCatalog
    let credits: CreditService
    let audit: AuditService
    let mailer: Mailer
    let runtime: Runtime

    /// The days before the end at which somebody is written to, the latest first.
    static let warnings: [Int64] = [7, 3, 1]
    /// How many subscriptions one transaction settles.
    static let batchMax = 200

    /// Begins a person's trial, where the plans have one, they have had none, and nothing else runs.
    /// - Returns: nil where there is none to begin.
    func begin(for person: ID<Person>, of organisation: ID<Organisation>, in transaction: Transaction) throws
        -> Subscription?
    {
        guard let plan = plans.catalogue.plans.first(where: { $0.start == .trial }), let terms = plan.trial else {
            return nil
        }
        let subscription = Subscription(
            id: runtime.id(), organisation: organisation, trialOf: plan.id, days: terms.days, at: transaction.now)
        guard try transaction.insertTrial(of: person, subscription), try transaction.insert(subscription) else {
            try transaction.deleteTrial(subscription)
            return nil
        }
        try credits.begin(subscription, with: terms.credits, in: transaction)
        try audit.record(
            AuditEvent(
                "subscription.trial-started", actor: person.text, organisation: organisation.text,
                subject: subscription.id.text,
                details: ["plan": plan.id.text, "credits": "\(terms.credits)"]),
            in: transaction
        )
        return subscription
    }

    /// Begins the trial of the caller.
    /// - Throws: `email-not-proved`, `trial-used`, `already-subscribed`.
    func start(scope: Scope) async throws(Problem) -> TrialStatus {
        try await database.write { transaction in
            guard let contact = try Contact.of(scope.person, in: transaction), contact.isEmailVerified
            else { throw Problem(.emailNotProved) }
            if try transaction.hasHadTrial(scope.person) { throw Problem(.trialUsed) }
            guard let subscription = try begin(for: scope.person, of: scope.organisation, in: transaction) else {
                throw Problem(.alreadySubscribed)
            }
            return TrialStatus(subscription, hasBeenUsed: true, at: transaction.now)
        }
    }

    func status(scope: Scope) async throws(Problem) -> TrialStatus {
        try await database.read { transaction in
            let subscription = try transaction.subscription(of: scope.organisation)
            return TrialStatus(
                subscription, hasBeenUsed: try transaction.hasHadTrial(scope.person), at: transaction.now)
        }
    }

    /// Writes down what time has brought to subscriptions, and writes to those whose trial ends. It may run as often as it likes, and anywhere.
    func settleAll() async throws(Problem) {
        while try await settleSome() == Self.batchMax {}
        while try await warnSome() == Self.batchMax {}
    }

    private func settleSome() async throws(Problem) -> Int {
        try await database.write { transaction in
            let due = try transaction.dueSubscriptions(limit: Self.batchMax)
            for var subscription in due {
                let wasTrial = subscription.status == .trialing
                guard subscription.settle(at: transaction.now) else { continue }
                try transaction.update(subscription)
                let action = subscription.status.isFinal ? "subscription.ended" : "subscription.plan-changed"
                try audit.record(
                    AuditEvent(
                        action, organisation: subscription.organisation.text, subject: subscription.id.text,
                        details: ["plan": subscription.plan.text]),
                    in: transaction
                )
                if wasTrial, subscription.status.isFinal {
                    try write("trial-ended", to: subscription, [:], in: transaction)
                }
            }
            return due.count
        }
    }

    private func warnSome() async throws(Problem) -> Int {
        try await database.write { transaction in
            let ending = try transaction.trialsToWarn(of: Self.warnings, limit: Self.batchMax)
            for (subscription, days) in ending {
                guard let end = subscription.trialEndsAt, try transaction.insertNotice(of: subscription, days: days)
                else { continue }
                try write(
                    "trial-warning", to: subscription, ["days": "\(days)", "ends": end.description], in: transaction)
            }
            return ending.count
        }
    }

    private func write(
        _ template: String, to subscription: Subscription, _ values: [String: String], in transaction: Transaction
    ) throws {
        guard let person = try transaction.trialPerson(of: subscription),
            let contact = try Contact.of(person, in: transaction)
        else { return }
        try mailer.send(
            Email(template, to: contact.email, values: values.merging(["name": contact.name]) { first, _ in first }),
            in: transaction)
    }
}

/// Every SQL statement about trials.
extension Transaction {
    /// - Returns: false when the person has had a trial.
    fileprivate func insertTrial(of person: ID<Person>, _ subscription: Subscription) throws -> Bool {
        try execute(
            """
            INSERT INTO trials (person_id, organisation_id, subscription_id, begun_at)
            VALUES (\(person), \(subscription.organisation), \(subscription.id), \(now)) ON CONFLICT DO NOTHING
            """
        ) == 1
    }

    /// Takes back ``insertTrial(of:_:)`` where something else runs: the trial is still to be had.
    fileprivate func deleteTrial(_ subscription: Subscription) throws {
        try execute(
            "DELETE FROM trials WHERE subscription_id = \(subscription.id) AND organisation_id = \(subscription.organisation)"
        )
    }

    fileprivate func hasHadTrial(_ person: ID<Person>) throws -> Bool {
        try count("SELECT COUNT(*) AS count FROM trials WHERE person_id = \(person)") > 0
    }

    fileprivate func trialPerson(of subscription: Subscription) throws -> ID<Person>? {
        try first(
            "SELECT person_id FROM trials WHERE subscription_id = \(subscription.id) AND organisation_id = \(subscription.organisation)"
        ) {
            try $0["person_id"]
        }
    }

    /// Trials that are near their end, with the nearest warning that is due; not those that were warned so already.
    fileprivate func trialsToWarn(of days: [Int64], limit: Int) throws -> [(Subscription, Int64)] {
        let moments = days.map { now + .days($0) }
        return try all(
            """
            SELECT * FROM (
                SELECT id, organisation_id, plan_id, plan_since, cycle, status, anchor_at, trial_ends_at, paid_through, grace_until, cancel_at,
                       next_plan_id, next_plan_at,
                       CASE WHEN trial_ends_at <= \(moments[2]) THEN \(days[2]) WHEN trial_ends_at <= \(moments[1]) THEN \(days[1]) ELSE \(days[0]) END AS days
                FROM subscriptions
                WHERE status = 'trialing' AND trial_ends_at > \(now) AND trial_ends_at <= \(moments[0])
            ) AS ending
            WHERE NOT EXISTS (
                SELECT 1 FROM trial_notices
                WHERE trial_notices.subscription_id = ending.id AND trial_notices.trial_ends_at = ending.trial_ends_at AND trial_notices.days = ending.days)
            ORDER BY id LIMIT \(limit)
            """
        ) { row in (try Subscription(row: row), try row["days"]) }
    }

    /// - Returns: false when it was written before.
    fileprivate func insertNotice(of subscription: Subscription, days: Int64) throws -> Bool {
        try execute(
            """
            INSERT INTO trial_notices (subscription_id, trial_ends_at, days, written_at)
            VALUES (\(subscription.id), \(subscription.trialEndsAt), \(days), \(now)) ON CONFLICT DO NOTHING
            """
        ) == 1
    }
}

/// Writes down what time has brought to subscriptions.
struct SettleSubscriptions: Job {
    static let name = "entitlements.settle-subscriptions"
}

extension Problem.Kind {
    package static let emailNotProved = Self("email-not-proved", "Prove your e-mail address first", status: 403)
    package static let trialUsed = Self("trial-used", "Your trial has been used", status: 409)
}
