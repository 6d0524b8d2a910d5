import Audit
import Identity
import Modules
import Stripe

/// Calls to the provider whose outcome is not known, for administrators.
final class ProviderCallAdministrationService: Sendable {
    private let database: any Database
    private let calls: ProviderCallService
    private let audit: AuditService

    init(database: any Database, calls: ProviderCallService, audit: AuditService) {
        self.database = database
        self.calls = calls
        self.audit = audit
    }

    /// - Parameter state: nil for all that are not settled.
    func list(_ state: ProviderCall.State?, limit: Int, offset: Int) async throws(Problem) -> Page<ProviderCallView> {
        let (rows, total) = try await database.read { try $0.providerCalls(in: state, limit: limit, offset: offset) }
        return Page(data: rows.map { ProviderCallView($0) }, total: total, limit: limit, offset: offset)
    }

    /// - Throws: `not-found`; `provider-call-state` unless the call is stuck.
    func redrive(_ id: ID<ProviderCall>, scope: Scope) async throws(Problem) -> ProviderCallView {
        try await database.write { [self] transaction in
            try transaction.requireCaller(scope, as: .admin)
            let call = try calls.redrive(id, in: transaction)
            try record("provider-call.redriven", call, [:], scope, in: transaction)
            return ProviderCallView(call)
        }
    }

    /// - Throws: `not-found`; `provider-call-state` unless the call is stuck; `validation-failed` for an object that
    ///   the provider does not have; `provider-unavailable`.
    func resolve(_ id: ID<ProviderCall>, _ resolution: ProviderCallResolution, scope: Scope) async throws(Problem)
        -> ProviderCallView
    {
        guard let call = try await database.read({ try $0.providerCall(id) }) else { throw Problem(.notFound) }
        let finding: ProviderCallService.Finding =
            switch resolution.outcome {
            case .done: .done(try await object(resolution.objectId, of: call))
            case .refused:
                .refused(StripeRefusal(status: 0, type: "resolved", code: nil, message: "An administrator found none."))
            }
        return try await database.write { [self] transaction in
            try transaction.requireCaller(scope, as: .admin)
            let resolved = try calls.resolve(id, finding, in: transaction)
            var details = ["outcome": resolution.outcome.rawValue, "note": resolution.note]
            details["object"] = resolution.objectId
            try record("provider-call.resolved", resolved, details, scope, in: transaction)
            return ProviderCallView(resolved)
        }
    }

    /// The object that an administrator names: fetched, so that what is settled is what the provider has.
    private func object(_ id: String?, of call: ProviderCall) async throws(Problem) -> JSONValue {
        guard let id, let path = ProviderObjectKind.path(of: id) else {
            throw Problem.invalid("/object_id", "names what the provider has made")
        }
        let client = try calls.requireClient()
        let object: JSONValue
        do throws(StripeFetchFailure) {
            object = try await client.fetch(StripeRequest(.get, path, account: call.request.account), id: id)
        } catch {
            guard error.isMissing else { throw Problem(.providerUnavailable, cause: error) }
            throw Problem.invalid("/object_id", "is no object of the provider")
        }
        return object
    }

    private func record(
        _ action: String, _ call: ProviderCall, _ details: [String: String], _ scope: Scope,
        in transaction: Transaction
    ) throws {
        let details = details.merging(["purpose": call.purpose.name, "subject": call.subject]) { own, _ in own }
        try audit.record(
            AuditEvent(action, by: scope, in: call.organisation, subject: call.id.text, details: details),
            in: transaction)
    }
}
