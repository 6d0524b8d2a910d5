import Entitlements
import Identity
import Modules

/// The endpoints of analysts. Their numbers are those of all organisations, unless `organisation_id` names one.
struct AnalyticsRoutes: Sendable {
    let analytics: AnalyticsService
    let identity: IdentityModule
    let entitlements: EntitlementsModule

    var routes: [Route] { reports.map { $0.guarded(by: entitlements.rate(.assistant)) } }

    private var reports: [Route] {
        [
            .get(
                "analytics/usage", "Sessions, messages, tokens and costs between two times, by model",
                requires: analyst, start, end, organisation, project, problems: [.validationFailed]
            ) { [analytics] _, start, end, organisation, project in
                try await analytics.usage(
                    AnalyticsService.Request(start: start, end: end, organisation: organisation, project: project))
            },
            .get(
                "analytics/tokens", "Tokens and costs of the last hour, day, week or month (30 days), by model",
                requires: analyst, period, organisation, project
            ) { [analytics] _, period, organisation, project in
                try await analytics.tokens(
                    Self.period(period),
                    AnalyticsService.Request(start: nil, end: nil, organisation: organisation, project: project))
            },
            .get(
                "analytics/tools", "The tools with the most executions, by default of the last 7 days",
                requires: analyst, start, end, organisation, problems: [.validationFailed]
            ) { [analytics] _, start, end, organisation in
                try await analytics.tools(
                    AnalyticsService.Request(start: start, end: end, organisation: organisation, project: nil))
            },
            .get(
                "analytics/timeseries", "A number for each hour, day, week or month", requires: analyst,
                .query("metric", oneOf: AnalyticsService.metrics.map(\.name)), period, start, end, organisation,
                project, problems: [.validationFailed]
            ) { [analytics] _, metric, period, start, end, organisation, project in
                try await analytics.series(
                    metric ?? "tokens", by: Self.period(period),
                    AnalyticsService.Request(start: start, end: end, organisation: organisation, project: project))
            },
            .get(
                "analytics/sessions/{session_id}", "The numbers of a session and its turns, without its texts",
                requires: analyst, .path("session_id", of: AssistantSession.self),
                problems: [.assistantSessionNotFound]
            ) { [analytics] in try await analytics.session($1) },
        ]
    }

    private var analyst: RoleRequirement { identity.role(.analyst) }
    private var start: QueryInstant { .query("start_date", of: Instant.self) }
    private var end: QueryInstant { .query("end_date", of: Instant.self) }
    private var period: QueryText { .query("period", oneOf: SeriesPeriod.allCases.map(\.rawValue)) }
    private var organisation: QueryID<Organisation> { QueryID(name: "organisation_id") }
    private var project: QueryID<AssistantProject> { QueryID(name: "project_id") }

    private static func period(_ text: String?) -> SeriesPeriod { text.flatMap(SeriesPeriod.init) ?? .day }
}
