package import Audit
import Identity
package import Modules
import Synchronization

/// All versions of all plans, cached in memory on every node.
///
/// The file of plans is the first version; changes by an administrator are stored as further versions, and so is a
/// changed file. A node reads its own changes at once and those of other nodes by polling the table twice a second. A
/// current period keeps the terms that it began with, unless a version was stored to apply at once.
package final class PlanCatalog: PollingRefresher, Sendable {
    private struct State {
        var versions: [Plan.ID: [PlanVersion]] = [:]
        var current = PlanSet([])
        var count: Int64 = 0
    }

    private let database: any Database
    private let file: PlanSet
    private let offers: Offers
    private let audit: AuditService
    package let logger: Logger
    package let subject = "Plans"
    private let state = Mutex(State())

    /// Stores the plans of `file` that are new or changed, then reads all versions.
    package init(database: any Database, file: PlanSet, offers: Offers, audit: AuditService, logger: Logger)
        async throws
    {
        self.database = database
        self.file = file
        self.offers = offers.adding(meters: file.meters, features: file.features)
        self.audit = audit
        self.logger = logger
        try await database.write { transaction in
            for entry in file.entries where try transaction.latestDocument(of: entry.id, from: .file) != entry.document
            {
                try transaction.insertVersion(of: entry.id, entry.document, from: .file, appliesAtOnce: false)
            }
        }
        try await synchronize()
    }

    /// The newest version of each plan: those of the file in its order, then those that an administrator added.
    package var current: PlanSet { state.withLock { $0.current } }

    /// What holds without a plan; from the file.
    var allowance: DefaultAllowance { file.allowance }

    /// The taxes on what is sold to a country; from the file.
    /// - Parameter region: an ISO 3166 code; nil for a country that is not known.
    package func taxes(in region: String?) -> [TaxRate] {
        region.flatMap { file.taxes[$0.uppercased()] } ?? file.taxes[""] ?? []
    }

    /// How many versions of plans are known.
    var versionCount: Int64 { state.withLock { $0.count } }

    /// The version of a plan that applies to a period.
    /// - Parameter start: the start of the period, or of the subscription to this plan, whichever is later.
    /// - Returns: nil for a plan that does not exist.
    func terms(of id: Plan.ID, from start: Instant) -> Plan? {
        state.withLock { state in
            guard let versions = state.versions[id] else { return nil }
            return (versions.last { $0.appliesAtOnce || $0.createdAt <= start } ?? versions.first)?.plan
        }
    }

    /// The plan that a subscription gives access to now, in the terms of its period, and that period.
    /// - Returns: nil where it gives no access.
    func activePlan(of subscription: Subscription, at now: Instant) -> (Plan, Period)? {
        let period = subscription.period(at: now)
        let (id, since) = subscription.plan(at: now)
        let plan: Plan? =
            switch subscription.access(at: now) {
            case .full: terms(of: id, from: max(since, period.start))
            case .reduced: terms(of: .reduced, from: period.start)
            case .none: nil
            }
        return plan.map { ($0, period) }
    }

    /// Stores the next version of a plan, or the first of a new one.
    /// - Parameters:
    ///   - expected: the version that the change is based on; nil for any.
    ///   - appliesAtOnce: whether current periods get the new terms too.
    /// - Throws: `validation-failed`; `conflict` when the newest version is not the expected one.
    func change(
        _ id: Plan.ID,
        to document: PlanDocument,
        expecting expected: Int64?,
        appliesAtOnce: Bool,
        scope: Scope
    ) async throws(Problem) -> PlanVersion {
        guard PlanSet.isID(id.text) else {
            throw Problem.invalid("/path/id", "consists of 1 to 64 characters of a–z, 0–9, _ and -")
        }
        // The payload has the document in its member `plan`.
        let faults = document.faults(offers).map { Problem.Fault("/plan\($0.pointer)", $0.detail) }
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        let version = try await database.write { [audit] transaction in
            try transaction.requireCaller(scope, as: .admin)
            guard
                let version = try transaction.insertVersion(
                    of: id, document, from: .administrator, by: scope.person, expecting: expected,
                    appliesAtOnce: appliesAtOnce)
            else {
                throw Problem(
                    .conflict,
                    detail: "The plan was changed meanwhile. Read its current version and try again.")
            }
            try audit.record(
                AuditEvent("plan.changed", by: scope, subject: id.text, details: ["version": "\(version.number)"]),
                in: transaction)
            return version
        }
        try await synchronize()
        return version
    }

    /// In ascending order of the version number.
    func versions(of id: Plan.ID) -> [PlanVersion] { state.withLock { $0.versions[id] ?? [] } }

    /// Reads the versions again where their number has changed.
    package func synchronize() async throws(Problem) {
        try await database.read { [self] in try synchronize(in: $0) }
    }

    /// As ``synchronize()``, in a transaction.
    func synchronize(in transaction: Transaction) throws {
        guard try transaction.countVersions() != versionCount else { return }
        let all = try transaction.planVersions()
        let versions = Dictionary(grouping: all, by: \.id).mapValues { $0.sorted { $0.number < $1.number } }
        let added = all.map(\.id).filter { file[$0] == nil }
        var seen: Set<Plan.ID> = []
        let order = (file.entries.map(\.id) + added).filter { seen.insert($0).inserted }
        let newest = order.compactMap { id in versions[id]?.last.map { PlanSet.Entry(id: id, document: $0.document) }
        }
        state.withLock {
            $0 = State(
                versions: versions,
                current: PlanSet(
                    newest, meters: file.meters, features: file.features, allowance: file.allowance,
                    taxes: file.taxes),
                count: Int64(all.count))
        }
    }
}
