import Identity
import Modules

/// Whether the caller may report usage older than ``UsageService/ageMax``: service keys that have the scope. It refuses
/// no request.
struct UsageBackfill: Requirement {
    var phase: RequestPhase { .account }
    var problems: [Problem.Kind] { [] }
    var summary: RequirementSummary {
        RequirementSummary(.right, ServiceKey.Scope.usageBackfill.rawValue, isRequired: false)
    }

    func check(_ request: Request) -> Bool {
        request.context.value(of: ServiceScope.self)?.key.scopes.contains(.usageBackfill) ?? false
    }
}
