import Entitlements
import Identity
import Modules
import Stripe

/// The calls by which subscriptions are made, changed and ended at the provider, and what follows from their outcomes.
/// The calls of one subscription are sent one at a time, in order.
final class SubscriptionCallService: Sendable {
    static let create = ProviderPurpose("subscription.create")
    static let createSession = ProviderPurpose("checkout.create")
    static let expireSession = ProviderPurpose("checkout.expire")
    static let upgrade = ProviderPurpose("subscription.upgrade")
    static let downgrade = ProviderPurpose("subscription.downgrade")
    /// Ends it with its period.
    static let end = ProviderPurpose("subscription.end")
    static let resume = ProviderPurpose("subscription.resume")
    /// Ends it at once.
    static let cancel = ProviderPurpose("subscription.cancel")
    static let void = ProviderPurpose("subscription.void-invoice")

    private let calls: ProviderCallService
    private let billing: SubscriptionBillingService
    private let updates: SubscriptionUpdateService
    private let runtime: Runtime

    init(
        calls: ProviderCallService, billing: SubscriptionBillingService, updates: SubscriptionUpdateService,
        runtime: Runtime
    ) {
        self.calls = calls
        self.billing = billing
        self.updates = updates
        self.runtime = runtime
        let all = [
            Self.create, Self.createSession, Self.expireSession, Self.upgrade, Self.downgrade, Self.end, Self.resume,
            Self.cancel, Self.void,
        ]
        for purpose in all {
            calls.register(purpose) { [weak self] call, outcome, transaction in
                switch outcome {
                case .done(let object): try self?.settle(call, done: object, in: transaction)
                case .refused: try self?.settleRefused(call, in: transaction)
                }
            }
        }
    }

    /// Writes the call that makes a subscription or a Checkout session, with the id that its row names.
    func enqueueCreation(
        _ purpose: ProviderPurpose, _ request: StripeRequest, of row: ProviderSubscription, in transaction: Transaction
    ) throws {
        try calls.enqueue(
            ProviderCall(
                id: row.call, purpose: purpose, subject: row.id.text, organisation: row.organisation,
                key: "subscription:\(row.id):create", request: request), in: transaction)
    }

    /// Writes the next call that changes a subscription.
    func enqueue(
        _ purpose: ProviderPurpose, _ request: StripeRequest, of row: inout ProviderSubscription,
        in transaction: Transaction
    ) throws -> ID<ProviderCall> {
        let call = Self.change(purpose, request, of: &row, id: runtime.id())
        try transaction.update(row)
        try calls.enqueue(call, in: transaction)
        return call.id
    }

    /// The next call that changes a subscription. The caller stores the row, which counts it.
    static func change(
        _ purpose: ProviderPurpose, _ request: StripeRequest, of row: inout ProviderSubscription, id: ID<ProviderCall>
    ) -> ProviderCall {
        ProviderCall(
            id: id, purpose: purpose, subject: row.id.text, organisation: row.organisation,
            key: "subscription:\(row.id):\(row.nextChange())", request: request)
    }

    /// - Throws: `provider-unavailable` where the outcome is not known in time: it is applied when it is.
    func send(_ call: ID<ProviderCall>) async throws(Problem) -> ProviderCallService.Outcome {
        guard let outcome = try await calls.send(call) else { throw Problem(.providerUnavailable) }
        return outcome
    }

    /// As ``send(_:)``, for a call whose refusal the client can act on.
    /// - Returns: the object of the response.
    /// - Throws: also `payment-refused`.
    @discardableResult
    func sendAccepted(_ call: ID<ProviderCall>) async throws(Problem) -> JSONValue {
        switch try await send(call) {
        case .done(let object): return object
        case .refused(let refusal): throw Problem(refused: refusal)
        }
    }

    private func settle(_ call: ProviderCall, done object: JSONValue, in transaction: Transaction) throws {
        switch call.purpose {
        case Self.createSession, Self.expireSession:
            try updates.applyResponse(session: object, to: call, in: transaction)
        case Self.void: try updates.readAgain(ID(trusted: call.subject), in: transaction)
        default:
            try updates.applyResponse(subscription: object, to: call, in: transaction)
            if call.purpose == Self.resume { try unschedule(call, in: transaction) }
        }
    }

    private func settleRefused(_ call: ProviderCall, in transaction: Transaction) throws {
        switch call.purpose {
        case Self.create, Self.createSession: try updates.end(ID(trusted: call.subject), in: transaction)
        case Self.downgrade:
            try unschedule(call, in: transaction)
            // What an earlier downgrade has made the provider bill follows again.
            try updates.applyAgain(ID(trusted: call.subject), in: transaction)
        // It is not as it was thought to be, such as ended already.
        default: try updates.readAgain(ID(trusted: call.subject), in: transaction)
        }
    }

    /// What a later change has scheduled stays: this one was asked for before.
    private func unschedule(_ call: ProviderCall, in transaction: Transaction) throws {
        guard let organisation = call.organisation, let number = Self.number(of: call) else { return }
        // Locked before the subscription of the organisation, as everywhere.
        _ = try transaction.lockedProviderSubscription(ID(trusted: call.subject))
        try billing.unschedule(upTo: number, after: call.subject, of: organisation, in: transaction)
    }

    /// The number of the change that a call makes.
    private static func number(of call: ProviderCall) -> Int64? {
        call.key.split(separator: ":").last.flatMap { Int64($0) }
    }
}

extension Problem {
    /// The provider's sentence is meant for customers.
    init(refused refusal: StripeRefusal) {
        var members: [String: JSONValue] = [:]
        if let code = refusal.declineCode ?? refusal.code { members["decline_code"] = .string(code) }
        self.init(.paymentRefused, detail: refusal.message, members: members)
    }
}
