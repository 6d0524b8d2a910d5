import Identity
import Modules

struct UsageRoutes {
    let identity: IdentityModule
    let serviceKey: ServiceKeyRequirement
    let subscription: SubscriptionRequirement
    let usage: UsageService
    let corrections: UsageCorrectionService
    let queries: UsageQueryService
    let meters: MeterCatalog
    let rates: PlanRateService

    var routes: [Route] {
        [
            .get(
                "usage", "Usage and remaining units of the current period",
                requires: identity.member.allowing(.entitlementsCheck), subscription
            ) { _, snapshot in
                try snapshot.usageView.response { UsageView(snapshot, meters: meters.all) }
            }.asTool("get_usage"),
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
                requires: serviceKey,
                problems: [.noActiveSubscription, .unknownMeter, .usageInFuture, .usageTooOld, .usageConflict]
            ) { (report: UsageReport, scope) in
                try UsageReportResponse(try await usage.record(report, scope: scope), isSingle: report.isSingle)
            }
            .guarded(by: rates.requirement(.checks)),
            .post(
                "admin/usage/{organisation_id}/corrections",
                "Correct an organisation's usage of the current period by an entry of its own",
                requires: identity.role(.admin), .path("organisation_id", of: Organisation.self),
                .header(.idempotencyKey),
                problems: [.unknownMeter, .usageNotAvailable, .operationConflict]
            ) { (correction: UsageCorrection, scope, organisation, key) in
                Created(try await corrections.correct(correction, key: key, of: organisation, scope: scope))
            },
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
