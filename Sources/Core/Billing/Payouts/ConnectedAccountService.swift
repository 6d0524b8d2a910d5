import Audit
package import Identity
package import Modules
import Stripe

/// The accounts of payees at the provider: makes them, sends their owners to the provider's forms, and follows their
/// state.
package final class ConnectedAccountService: Sendable {
    private static let purpose = ProviderPurpose("account.create")

    private let database: any Database
    private let calls: ProviderCallService
    private let events: ProviderEventService
    private let audit: AuditService
    private let runtime: Runtime
    /// The page that the provider's forms lead back to, without a slash at its end.
    private let frontend: String

    init(
        database: any Database, calls: ProviderCallService, events: ProviderEventService, audit: AuditService,
        frontend: String, runtime: Runtime
    ) {
        self.database = database
        self.calls = calls
        self.events = events
        self.audit = audit
        self.frontend = frontend
        self.runtime = runtime
        calls.register(Self.purpose) { [weak self] in try self?.settle($0, $1, in: $2) }
        events.register(.account) { [weak self] in try self?.apply($0, in: $1) ?? .ignored }
    }

    /// - Returns: nil where the organisation has none.
    package func account(of organisation: ID<Organisation>, in transaction: Transaction) throws -> ConnectedAccount? {
        try transaction.connectedAccount(of: organisation)
    }

    /// Suspends or allows payouts to an organisation. Payouts that are not sent yet are held when they would be sent.
    /// - Throws: `not-found` for an organisation without an account.
    package func setSuspended(
        _ isSuspended: Bool, of organisation: ID<Organisation>, reason: String, by scope: Scope,
        in transaction: Transaction
    ) throws {
        guard var account = try transaction.lockedConnectedAccount(of: organisation) else { throw Problem(.notFound) }
        guard account.isSuspended != isSuspended else { return }
        account.isSuspended = isSuspended
        try transaction.update(account)
        try audit.record(
            AuditEvent(
                isSuspended ? "payout-account.suspended" : "payout-account.allowed", by: scope, in: organisation,
                subject: organisation.text, details: ["reason": reason]), in: transaction)
    }

    // MARK: Onboarding

    /// Makes the organisation's account where it has none, and a link to the provider's forms for it.
    /// - Parameter country: two letters, ISO 3166-1; of a new account.
    /// - Throws: `insufficient-role`; `not-configured`; `payout-account-refused`; `provider-unavailable`: a repeat
    ///   continues with the same account.
    func onboard(country: String, scope: Scope) async throws(Problem) -> OnboardingLink {
        let client = try calls.requireClient()
        let call = try await database.write { [self] in try require(scope, country: country, in: $0) }
        if let call, case .refused(let refusal)? = try await calls.send(call) {
            throw Problem(.payoutAccountRefused, detail: refusal.message)
        }
        let account = try await database.read { try $0.connectedAccount(of: scope.organisation)?.providerID }
        guard let account else { throw Problem(.providerUnavailable) }
        // A link has no lasting effect: it works once, for some minutes.
        let request = StripeRequest.createAccountLink(
            account: account, refreshURL: "\(frontend)/payouts/onboarding", returnURL: "\(frontend)/payouts")
        switch await client.send(request, key: "account-link:\(runtime.id(of: StripeRequest.self))") {
        case .done(let value):
            let link = try Problem.rethrowing { try StripeAccountLink(value) }
            return OnboardingLink(accountId: account, url: link.url, expiresAt: link.expiresAt)
        case .refused(let refusal): throw Problem(.payoutAccountRefused, detail: refusal.message)
        case .unknown: throw Problem(.providerUnavailable)
        }
    }

    /// - Returns: the call that makes the account; nil where there is one.
    private func require(_ scope: Scope, country: String, in transaction: Transaction) throws -> ID<ProviderCall>? {
        try transaction.authority(of: scope, [.owner])
        try transaction.insertConnectedAccount(of: scope.organisation)
        guard let account = try transaction.lockedConnectedAccount(of: scope.organisation) else {
            throw Problem(.notFound)
        }
        guard account.providerID == nil else { return nil }
        let key = "account:\(scope.organisation):\(account.generation)"
        let call = ProviderCall(
            id: runtime.id(), purpose: Self.purpose, subject: scope.organisation.text,
            organisation: scope.organisation, key: key,
            request: .createAccount(
                email: nil, country: country, metadata: ["organisation": scope.organisation.text]))
        guard try calls.enqueue(call, in: transaction) else { return try transaction.providerCall(ofKey: key)?.id }
        try audit.record(
            AuditEvent(
                "payout-account.requested", by: scope, subject: scope.organisation.text, details: ["country": country]),
            in: transaction)
        return call.id
    }

    private func settle(_ call: ProviderCall, _ outcome: ProviderCallService.Outcome, in transaction: Transaction)
        throws
    {
        guard let organisation = ID<Organisation>(call.subject),
            var account = try transaction.lockedConnectedAccount(of: organisation), account.providerID == nil
        else { return }
        switch outcome {
        case .done(let value):
            if let made = try? StripeAccount(value) { account.read(made) }
            account.providerID = value["id"]?.string
        case .refused:
            // The next request is another one, with a key of its own.
            account.generation += 1
        }
        try transaction.update(account)
    }

    // MARK: State

    /// - Throws: `not-found` for an organisation without an account.
    func view(scope: Scope) async throws(Problem) -> ConnectedAccountView {
        let account = try await database.read { try $0.connectedAccount(of: scope.organisation) }
        guard let account else { throw Problem(.notFound) }
        return ConnectedAccountView(account)
    }

    /// As ``view(scope:)``, after asking the provider: for the page that its forms lead back to.
    func refresh(scope: Scope) async throws(Problem) -> ConnectedAccountView {
        if let id = try await view(scope: scope).accountId { try await events.refresh(id, .account) }
        return try await view(scope: scope)
    }

    private func apply(_ object: ProviderObject, in transaction: Transaction) throws -> ProviderEventService.Effect {
        guard var account = try transaction.lockedConnectedAccount(ofProviderID: object.id) else { return .ignored }
        let before = account
        if object.isDeleted {
            account.providerID = nil
            account.generation += 1
            (account.areTransfersActive, account.arePayoutsEnabled) = (false, false)
        } else {
            account.read(try StripeAccount(object.value))
        }
        guard account != before else { return .applied }
        try transaction.update(account)
        try audit.record(
            AuditEvent(
                "payout-account.changed", organisation: account.organisation.text, subject: account.organisation.text,
                details: [
                    "can_be_paid": "\(account.canBePaid)", "disabled_reason": account.disabledReason ?? "",
                ]), in: transaction)
        return .applied
    }
}

extension ConnectedAccount {
    /// Takes over what the provider reports.
    fileprivate mutating func read(_ account: StripeAccount) {
        country = account.country
        defaultCurrency = account.defaultCurrency?.code
        areDetailsSubmitted = account.areDetailsSubmitted
        areTransfersActive = account.areTransfersActive
        arePayoutsEnabled = account.arePayoutsEnabled
        disabledReason = account.disabledReason
    }
}

extension Problem.Kind {
    static let payoutAccountRefused = Self(
        "payout-account-refused", "The payment provider refused the account", status: 409)
}
