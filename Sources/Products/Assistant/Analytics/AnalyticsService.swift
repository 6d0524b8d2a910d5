import Identity
import Modules

/// Numbers about the use of the assistant, of one organisation or of all of them, for analysts. They name no person
/// and have no texts.
final class AnalyticsService: Sendable {
    private let database: any Database
    private let retentionDays: Int64

    /// Models of a report.
    static let modelsMax = 100
    static let defaultDays: Int64 = 30
    private static let batch = 100

    /// - Parameter retentionDays: how long numbers are kept.
    init(database: any Database, retentionDays: Int64) {
        self.database = database
        self.retentionDays = retentionDays
    }

    /// What is asked for: by default the last 30 days, of all organisations and projects.
    struct Request: Sendable {
        let start: Instant?
        let end: Instant?
        let organisation: ID<Organisation>?
        let project: ID<AssistantProject>?

        /// With whole periods: the one that `start` is in, to the one that `end` is in.
        func selection(
            by period: SeriesPeriod, at now: Instant, defaultDays: Int64 = AnalyticsService.defaultDays
        ) throws(Problem) -> UsageSelection {
            let end = end ?? now
            let start = start ?? end - .days(defaultDays)
            guard start <= end else { throw Problem.invalid("/query/start_date", "is after end_date") }
            guard end - start <= .days(3_700) else { throw Problem.invalid("/query/start_date", "is too long ago") }
            return UsageSelection(
                range: period.start(of: start)..<period.next(after: period.start(of: end)),
                organisation: organisation, project: project)
        }
    }

    func usage(_ request: Request) async throws(Problem) -> AssistantUsageReport {
        let retentionDays = retentionDays
        return try await database.read { transaction in
            let selection = try request.selection(by: .day, at: transaction.now)
            let models = try transaction.usageByModel(selection, by: .day)
            return AssistantUsageReport(
                startDate: selection.range.lowerBound, endDate: selection.range.upperBound,
                totals: AssistantUsageNumbers(models.reduce(AssistantUsage()) { $0 + $1.usage }),
                models: models.map { AssistantModelNumbers(model: $0.model, numbers: AssistantUsageNumbers($0.usage)) },
                retentionDays: retentionDays, currency: "usd")
        }
    }

    /// - Parameter period: `hour`, `day`, `week` or `month`: 30 days.
    func tokens(_ period: SeriesPeriod, _ request: Request) async throws(Problem) -> AssistantTokenReport {
        try await database.read { transaction in
            let now = transaction.now
            let length: Duration =
                switch period {
                case .hour: .hours(1)
                case .day: .days(1)
                case .week: .days(7)
                case .month: .days(30)
                }
            // Of the last day by hours, so that it is no half of two days.
            let unit: AssistantUsage.Unit = period == .hour || period == .day ? .hour : .day
            let since = unit.start(of: now - length)
            let selection = UsageSelection(
                range: since..<(now + .hours(1)), organisation: request.organisation, project: request.project)
            let models = try transaction.usageByModel(selection, by: unit)
            let total = models.reduce(AssistantUsage()) { $0 + $1.usage }
            return AssistantTokenReport(
                period: period, since: since, promptTokens: total.inputTokens, completionTokens: total.outputTokens,
                totalTokens: total.inputTokens + total.outputTokens, totalCost: .dollars(total.costMicros),
                currency: "usd",
                models: models.map { model, usage in
                    AssistantModelTokens(
                        model: model, promptTokens: usage.inputTokens, completionTokens: usage.outputTokens,
                        cost: .dollars(usage.costMicros))
                })
        }
    }

    /// The numbers of a series by their names.
    static let metrics: [(name: String, value: @Sendable (AssistantUsage) -> Int64)] = [
        ("sessions", { $0.sessions }), ("messages", { $0.messages }), ("tokens", { $0.inputTokens + $0.outputTokens }),
        ("errors", { $0.errors }),
    ]

    /// - Parameter metric: one of ``metrics``.
    func series(_ metric: String, by period: SeriesPeriod, _ request: Request) async throws(Problem)
        -> AssistantSeries
    {
        guard let value = Self.metrics.first(where: { $0.name == metric })?.value else {
            throw Problem.invalid("/query/metric", "is no metric")
        }
        return try await database.read { transaction in
            let selection = try request.selection(by: period, at: transaction.now)
            var points: [AssistantSeriesPoint] = []
            var start = selection.range.lowerBound
            while start < selection.range.upperBound {
                guard points.count < SeriesPeriod.pointsMax else {
                    throw Problem.invalid(
                        "/query/start_date", "is too long ago for \(SeriesPeriod.pointsMax) points of this period")
                }
                points.append(AssistantSeriesPoint(timestamp: start, value: 0))
                start = period.next(after: start)
            }
            var index = 0
            for (time, usage) in try transaction.usageSeries(selection, by: period.unit) {
                while index + 1 < points.count, points[index + 1].timestamp <= time { index += 1 }
                points[index].value += value(usage)
            }
            return AssistantSeries(metric: metric, period: period, points: points)
        }
    }

    func tools(_ request: Request) async throws(Problem) -> AssistantToolReport {
        try await database.read { transaction in
            let selection = try request.selection(
                by: .day, at: transaction.now, defaultDays: AssistantToolReport.days)
            return AssistantToolReport(
                startDate: selection.range.lowerBound, endDate: selection.range.upperBound,
                tools: try transaction.toolUsage(selection, limit: AssistantToolReport.toolsMax))
        }
    }

    func session(_ id: ID<AssistantSession>) async throws(Problem) -> AssistantSessionAnalysis {
        try await database.read { transaction in
            let session = try transaction.analysedSession(id)
            return AssistantSessionAnalysis(
                id, session, try transaction.endedTurns(of: id, limit: AssistantSessionAnalysis.turnsMax))
        }
    }

    /// Deletes the numbers whose retention has ended.
    func deleteOld(_ context: JobContext) async throws {
        let retention = Duration.days(retentionDays)
        func deleteSome() async throws(Problem) -> Int {
            try await database.write { transaction in
                let oldest = AssistantUsage.Unit.day.start(of: transaction.now - retention)
                _ = try transaction.deleteToolUsage(before: oldest)
                return try transaction.deleteUsage(before: oldest, limit: Self.batch)
            }
        }
        while try await deleteSome() == Self.batch { try context.checkCancellation() }
    }
}
