import Identity
import Modules

/// Reads usage: by account, over time, and as an export.
final class UsageQueryService: Sendable {
    /// How many lines of an export are in memory at once.
    static let linesMax = 500

    private let database: any Database
    private let plans: PlanCatalog
    private let meters: MeterCatalog

    init(database: any Database, plans: PlanCatalog, meters: MeterCatalog) {
        self.database = database
        self.plans = plans
        self.meters = meters
    }

    /// - Throws: `not-found` for an unknown account; `no-active-subscription`.
    func snapshot(of person: ID<Person>) async throws(Problem) -> EntitlementSnapshot {
        try await database.read { [plans] transaction in
            guard let organisation = try transaction.personalOrganisation(of: person) else { throw Problem(.notFound) }
            guard let snapshot = try plans.snapshot(of: organisation, in: transaction) else {
                throw Problem(.noActiveSubscription)
            }
            return snapshot
        }
    }

    /// - Parameters:
    ///   - from: rounded down to its hour or day; nil is ``UsageSeries/pointsDefault`` of them before the end.
    ///   - to: rounded up to the end of its hour or day; nil is now.
    /// - Throws: `validation-failed` for an unknown meter, or a range that is empty or has more than
    ///   ``UsageSeries/pointsMax`` points.
    func series(of name: String, from: Instant?, to: Instant?, by step: UsageSeries.Step, scope: Scope)
        async throws(Problem) -> UsageSeries
    {
        guard let meter = meters[name] else { throw Problem.invalid("/query/meter", "is no known meter") }
        return try await database.read { transaction in
            let width = step.width.microseconds
            let last = (to ?? transaction.now).microseconds + (to == nil ? 1 : 0)
            let end = (last + width - 1).quotient(flooredBy: width)
            let start = from?.microseconds.quotient(flooredBy: width) ?? end - UsageSeries.pointsDefault
            guard start < end else { throw Problem.invalid("/query/to", "must be later than from") }
            guard end - start <= UsageSeries.pointsMax else {
                throw Problem.invalid("/query/from", "is more than \(UsageSeries.pointsMax) points before to")
            }
            let range = (first: Instant(microseconds: start * width), end: Instant(microseconds: end * width))
            let used = try transaction.usage(
                of: meter.name, scope.organisation, from: range.first, to: range.end, by: step.width)
            return UsageSeries(
                meter: meter.name, by: step, from: range.first, to: range.end, total: used.values.reduce(0, +),
                points: (start..<end).map {
                    UsageSeries.Point(start: Instant(microseconds: $0 * width), used: used[$0] ?? 0)
                }
            )
        }
    }

    /// All usage of a time range as CSV (RFC 4180). A page is read from the database when the client has received the
    /// one before.
    /// - Throws: `validation-failed` for an unknown meter, or a range that is empty or too long.
    func export(meter name: String?, from: Instant?, to: Instant?, scope: Scope) async throws(Problem) -> StreamedText {
        if let name, meters[name] == nil { throw Problem.invalid("/query/meter", "is no known meter") }
        let now = try await database.read { $0.now }
        // The default end includes usage that was reported by clocks ahead of the server's.
        let end = to ?? now + UsageService.skewMax + .microseconds(1)
        let selection = UsageSelection(
            organisation: scope.organisation, meter: name, from: from ?? end - UsageSelection.spanDefault, to: end)
        guard selection.from < end else { throw Problem.invalid("/query/to", "must be later than from") }
        guard end - selection.from <= UsageSelection.spanMax else {
            let days = UsageSelection.spanMax.microseconds / Duration.days(1).microseconds
            throw Problem.invalid("/query/from", "is more than \(days) days before to")
        }
        return StreamedText("usage.csv", mediaType: "text/csv; charset=utf-8; header=present") { [database] in
            // Keys are not empty: every entry of the first moment is after this position.
            var position: ExportPosition? = ExportPosition(occurredAt: selection.from, key: "")
            var text = ExportedUsage.header
            return {
                guard let reached = position else { return nil }
                let page = try await database.read {
                    try $0.exportedUsage(selection, after: reached, limit: Self.linesMax)
                }
                position = page.count < Self.linesMax ? nil : page.last?.position
                for line in page { text += CSV.line(line.fields) }
                defer { text = "" }
                return text
            }
        }
    }
}
