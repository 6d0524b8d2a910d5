package import Audit
import Identity
package import Modules
import Synchronization

/// Every plan in each of its versions, kept in memory on every node.
///
/// The file of plans is the first edition; an administrator's changes are written as further versions, and so is a file that has
/// changed since. A node learns of its own changes at once and of those of others by looking at the table twice a second. A period
/// that runs keeps the terms it began with, unless a version was written to apply at once.
package final class PlanCatalog: PollingRefresher, Sendable {
    private struct Edition {
        var versions: [Plan.ID: [PlanVersion]] = [:]
        var catalogue = Catalogue([])
        var count: Int64 = 0
    }

    private let database: any Database
    private let file: Catalogue
    private let offers: Offers
    private let audit: AuditService
    package let logger: Logger
    package let subject = "Plans"
    private let edition = Mutex(Edition())

    /// Reads the versions, after writing down those of `file` that are new.
    package init(database: any Database, file: Catalogue, offers: Offers, audit: AuditService, logger: Logger)
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

    /// The newest version of each plan: those of the file in its order, then what an administrator added.
    package var catalogue: Catalogue { edition.withLock { $0.catalogue } }

    /// The terms of a plan for a period, or for a subscription that came to the plan within the period.
    /// - Parameter start: when the period began, or the subscription came to the plan, whichever was later.
    /// - Returns: nil for a plan that does not exist.
    func terms(of id: Plan.ID, from start: Instant) -> Plan? {
        edition.withLock { edition in
            guard let versions = edition.versions[id] else { return nil }
            return (versions.last { $0.appliesAtOnce || $0.createdAt <= start } ?? versions.first)?.plan
        }
    }

    /// What a subscription gives now: its plan in the terms of its period, or what is left of it.
    /// - Returns: nil where it gives nothing.
    func holding(_ subscription: Subscription, at now: Instant) -> (Plan, Period)? {
        let period = Period(anchor: subscription.anchor, containing: now)
        let (id, since) = subscription.plan(at: now)
        let plan: Plan? =
            switch subscription.access(at: now) {
            case .full: terms(of: id, from: max(since, period.start))
            case .reduced: terms(of: .reduced, from: period.start)
            case .none: nil
            }
        return plan.map { ($0, period) }
    }

    /// Writes the next version of a plan, or the first of a new one.
    /// - Parameters:
    ///   - expected: the version that the change was made from; nil to change whatever is there.
    ///   - appliesAtOnce: whether running periods get the new terms too.
    /// - Throws: `validation-failed`; `conflict` when somebody else changed the plan meanwhile.
    func change(
        _ id: Plan.ID,
        to document: PlanDocument,
        expecting expected: Int64?,
        appliesAtOnce: Bool,
        scope: Scope
    ) async throws(Problem) -> PlanVersion {
        guard Catalogue.isID(id.text) else {
            throw Problem.invalid("/path/id", "is made of a–z, 0–9, _ and -, and has at most 64 of them")
        }
        // Where the request has it.
        let faults = document.faults(offers).map { Problem.Fault("/plan\($0.pointer)", $0.detail) }
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        let version = try await database.write { [audit] transaction in
            guard
                let version = try transaction.insertVersion(
                    of: id, document, from: .administrator, by: scope.person, expecting: expected,
                    appliesAtOnce: appliesAtOnce)
            else {
                throw Problem(
                    .conflict,
                    detail: "Somebody else changed this plan meanwhile. Look at its present version and try again.")
            }
            try audit.record(
                AuditEvent("plan.changed", by: scope, subject: id.text, details: ["version": "\(version.number)"]),
                in: transaction)
            return version
        }
        try await synchronize()
        return version
    }

    func versions(of id: Plan.ID) -> [PlanVersion] { edition.withLock { $0.versions[id] ?? [] } }

    /// Reads what other nodes wrote.
    package func synchronize() async throws(Problem) {
        let known = edition.withLock { $0.count }
        guard let all = try await database.read({ try $0.countVersions() == known ? nil : $0.planVersions() }) else {
            return
        }
        let versions = Dictionary(grouping: all, by: \.id).mapValues { $0.sorted { $0.number < $1.number } }
        let added = all.map(\.id).filter { file[$0] == nil }
        var seen: Set<Plan.ID> = []
        let order = (file.entries.map(\.id) + added).filter { seen.insert($0).inserted }
        let newest = order.compactMap { id in versions[id]?.last.map { Catalogue.Entry(id: id, document: $0.document) }
        }
        edition.withLock {
            $0 = Edition(
                versions: versions, catalogue: Catalogue(newest, meters: file.meters, features: file.features),
                count: Int64(all.count))
        }
    }
}

/// One version of a plan.
struct PlanVersion: Sendable, Hashable {
    enum Origin: String, Sendable, Codable, SQLBindable, SQLReadable { case file, administrator }

    let id: Plan.ID
    /// Counted from 1.
    let number: Int64
    let document: PlanDocument
    let plan: Plan
    let origin: Origin
    let appliesAtOnce: Bool
    let createdAt: Instant
    let createdBy: ID<Person>?
}
