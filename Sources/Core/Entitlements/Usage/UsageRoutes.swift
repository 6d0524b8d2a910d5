import Identity
import Modules

struct UsageRoutes {
    let identity: IdentityModule
    let subscription: SubscriptionRequirement
    let usage: UsageService
    let queries: UsageQueryService
    let meters: MeterCatalog
    let rates: PlanRateService

    var routes: [Route] {
        [
            .get(
                "usage", "Usage and remaining units of the current period",
                requires: identity.member.allowing(.entitlementsCheck), subscription
            ) { _, snapshot in
                UsageView(snapshot, meters: meters.all)
            },
            .get(
                "payments/usage",
                "Usage and remaining units of the current period, with the fields of workflows",
                requires: identity.member.allowing(.entitlementsCheck), subscription
            ) { _, snapshot in PaymentsUsage(snapshot, meters: meters.all) },
            .get(
                "payments/usage/{user_id}",
                "An account's usage and remaining units of the current period",
                requires: identity.role(.admin), .path("user_id", of: Person.self),
                problems: [.noActiveSubscription]
            ) { _, person in PaymentsUsage(try await queries.snapshot(of: person), meters: meters.all) },
            .post(
                "usage/events",
                "Report usage that was counted elsewhere: one event, or up to \(UsageReport.countMax)",
                requires: identity.member.allowing(.usageWrite),
                UsageBackfill(right: identity.organisation(.owner, .admin).allowing(.usageBackfill)),
                problems: [.noActiveSubscription, .unknownMeter, .usageInFuture, .usageTooOld, .usageConflict]
            ) { (report: UsageReport, scope, mayBackfill) in
                try UsageReportResponse(
                    try await usage.record(report, mayBackfill: mayBackfill, scope: scope), isSingle: report.isSingle)
            }
            .guarded(by: rates.requirement(.checks)),
            .get(
                "usage/series",
                "Usage by hour or by day",
                requires: identity.member.allowing(.entitlementsCheck), .query("meter", required: 64),
                .query("from", of: Instant.self),
                .query("to", of: Instant.self), .query("by", oneOf: UsageSeries.Step.allCases.map(\.rawValue))
            ) { scope, meter, from, to, by in
                try await queries.series(
                    of: meter, from: from, to: to, by: by.flatMap(UsageSeries.Step.init(rawValue:)) ?? .day,
                    scope: scope)
            },
            .get(
                "usage/export.csv",
                "Export usage as CSV",
                requires: identity.member.allowing(.entitlementsCheck), .query("meter", upTo: 64),
                .query("from", of: Instant.self),
                .query("to", of: Instant.self)
            ) { scope, meter, from, to in try await queries.export(meter: meter, from: from, to: to, scope: scope) },
        ]
    }
}
