import Identity
import Modules
import Secrets

/// Keeps the use of plans without payment when an account is closed or erased, and when it gets another address, until
/// its period ends: an account of the same address continues it. What is kept is an HMAC of the verified address, the
/// period and the units.
final class RetainedUsageService: Sendable {
    private let plans: PlanCatalog
    private let key: [UInt8]

    init(plans: PlanCatalog, sealer: Sealer) {
        self.plans = plans
        key = sealer.key(for: "retained usage")
    }

    /// Keeps what the account has used in the current period of its plan without payment. Nothing is kept of an address
    /// that is not verified.
    func retain(_ person: ID<Person>, in transaction: Transaction) throws {
        guard let address = try AccountAddress.of(person, in: transaction), address.isVerified,
            let subscription = try subscription(of: person, in: transaction)
        else { return }
        let period = Period(anchor: subscription.anchor, containing: transaction.now)
        let trialEnd = max(period.end, subscription.trialEndsAt ?? period.end)
        let retained = RetainedPeriod(
            addressHash: hash(address), anchor: subscription.anchor, endsAt: period.end,
            trialEndsAt: try transaction.hasHadTrial(person) ? trialEnd : nil)
        try transaction.retain(retained, startingAt: period.start, of: subscription.organisation)
    }

    /// The subscription whose use counts for a person's plan without payment: of the organisation in which they have
    /// started such a plan, or else their trial, whichever organisation that is; else of the personal one.
    private func subscription(of person: ID<Person>, in transaction: Transaction) throws -> Subscription? {
        for organisation in try transaction.organisationsOfFreeStarts(by: person) {
            // Others may have paid for a plan there since.
            if let subscription = try transaction.subscription(of: organisation), isWithoutPayment(subscription.plan) {
                return subscription
            }
        }
        return try transaction.personalOrganisation(of: person).flatMap { try transaction.subscription(of: $0) }
    }

    private func isWithoutPayment(_ plan: Plan.ID) -> Bool {
        plans.current.plans.contains { $0.id == plan && [.anyone, .trial].contains($0.start) }
    }

    /// The anchor of a new subscription without payment: that of the organisation's last subscription; else that of an
    /// earlier account of the person's address, whose units are counted in the organisation then.
    /// - Returns: nil where a first period starts.
    func anchor(for plan: Plan, of organisation: ID<Organisation>, person: ID<Person>, in transaction: Transaction)
        throws -> Instant?
    {
        if let own = try transaction.anchor(of: organisation) { return own }
        guard let retained = try retained(person, in: transaction), transaction.now < retained.endsAt else {
            return nil
        }
        let start = Period(anchor: retained.anchor, containing: transaction.now).start
        for (meter, units) in try transaction.retainedUnits(ofAddress: retained.addressHash) {
            let bucket = Bucket(organisation: organisation, meter: meter, periodStart: start)
            let beyond = max(0, units - (plan.limits[meter] ?? .upTo(0)).bound)
            guard
                try transaction.insertUsage(bucket, operation: "retained/\(meter)", amount: units, beyond: beyond)
            else { continue }
            _ = try transaction.add(units, to: bucket)
        }
        return retained.anchor
    }

    /// Whether the person has had a trial, also with an earlier account of the same address whose trial or period has
    /// not ended.
    func hasHadTrial(_ person: ID<Person>, in transaction: Transaction) throws -> Bool {
        if try transaction.hasHadTrial(person) { return true }
        guard let end = try retained(person, in: transaction)?.trialEndsAt else { return false }
        return transaction.now < end
    }

    private func retained(_ person: ID<Person>, in transaction: Transaction) throws -> RetainedPeriod? {
        guard let address = try AccountAddress.of(person, in: transaction) else { return nil }
        return try transaction.retainedPeriod(ofAddress: hash(address))
    }

    private func hash(_ address: AccountAddress) -> String {
        Hex.encode(MessageAuthentication.code(Array(address.key.utf8), key: key))
    }
}
