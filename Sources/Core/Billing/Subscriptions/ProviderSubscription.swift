import Entitlements
package import Identity
package import Modules
import Stripe

/// A subscription that the provider bills to an organisation, or an attempt to start one. An organisation has at most
/// one that has not ended.
///
/// | state | event | next |
/// |---|---|---|
/// | starting | the provider has made the subscription, or the Checkout session | open |
/// | starting | the provider refuses it | ended |
/// | open | the session expires, or the subscription is canceled or its first payment takes too long | ended |
///
/// What it gives follows from ``billingState``.
package struct ProviderSubscription: Sendable, Hashable {
    package enum State: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case starting, open, ended
    }

    package let id: ID<ProviderSubscription>
    package let organisation: ID<Organisation>
    /// Who began it; nil after the erasure of the account.
    package let person: ID<Person>?
    /// Whether it is begun on a page of the provider.
    let isCheckout: Bool
    /// The call that makes it.
    let call: ID<ProviderCall>
    private(set) var state: State = .starting
    /// The plan that the provider bills, and what for.
    private(set) var plan: Plan.ID
    private(set) var cycle: Cycle
    private(set) var amount: Money
    private(set) var region: String?
    /// `cs_…`, the page, and when it ends.
    private(set) var sessionID: String?
    private(set) var sessionURL: String?
    private(set) var sessionExpiresAt: Instant?
    /// `sub_…`, `si_…`, `in_…`.
    private(set) var providerID: String?
    private(set) var itemID: String?
    private(set) var latestInvoice: String?
    /// As the provider writes it; nil before it has made one.
    private(set) var providerStatus: String?
    private(set) var anchor: Instant?
    private(set) var paidThrough: Instant?
    private(set) var trialEndsAt: Instant?
    private(set) var cancelAt: Instant?
    private(set) var endedAt: Instant?
    /// Numbers the calls that change it, for their idempotency keys.
    private(set) var changes: Int64 = 0
    /// When another plan was in effect that it does not replace: it is ended at the provider, what is paid for it is
    /// returned, and it gives nothing.
    private(set) var supersededAt: Instant?
    let createdAt: Instant

    init(
        id: ID<ProviderSubscription>, organisation: ID<Organisation>, person: ID<Person>, isCheckout: Bool,
        call: ID<ProviderCall>, price: ProviderPrice, at now: Instant
    ) {
        self.id = id
        self.organisation = organisation
        self.person = person
        self.isCheckout = isCheckout
        self.call = call
        plan = price.plan
        cycle = price.cycle
        amount = price.amount
        region = price.region
        createdAt = now
    }

    /// Nil for a status that this version does not know, and before the provider has one.
    var status: StripeSubscription.Status? { providerStatus.flatMap(StripeSubscription.Status.init) }

    /// Whether nothing has been paid yet: another attempt may take its place.
    var isAttempt: Bool { state == .starting || state == .open && (providerID == nil || status == .incomplete) }

    var isLive: Bool { state != .ended }

    /// Whether the provider bills it and its first payment is complete.
    var isPaidFor: Bool { isLive && !isAttempt && paidThrough != nil }

    /// Whether it is an attempt at the same plan, for the same price.
    func isAttempt(at price: ProviderPrice, onPage isCheckout: Bool) -> Bool {
        isAttempt && self.isCheckout == isCheckout && plan == price.plan && cycle == price.cycle
            && amount == price.amount && region == price.region
    }

    /// What the provider says, in the words of Entitlements.
    var billingState: BillingState {
        BillingState(
            reference: id.text, status: entitlementStatus, plan: plan, cycle: cycle, anchor: anchor ?? createdAt,
            paidThrough: paidThrough, trialEndsAt: trialEndsAt, cancelAt: cancelAt, endedAt: endedAt)
    }

    private var entitlementStatus: Subscription.Status? {
        guard providerStatus != nil else { return state == .ended ? .incompleteExpired : .incomplete }
        return switch status {
        case .incomplete: .incomplete
        case .incompleteExpired: .incompleteExpired
        case .trialing: .trialing
        case .active: .active
        case .pastDue: .pastDue
        case .unpaid: .unpaid
        case .paused: .paused
        case .canceled: .canceled
        case nil: nil
        }
    }

    /// The operation by which the start of a subscription takes a coupon.
    static func couponOperation(_ id: ID<ProviderSubscription>) -> String { "subscribe:\(id)" }

    // MARK: Transitions

    /// Counts a call that changes it.
    /// - Returns: its number.
    mutating func nextChange() -> Int64 {
        changes = nextChangeNumber
        return changes
    }

    /// The number of the next call that changes it.
    var nextChangeNumber: Int64 { changes + 1 }

    /// Notes that another plan is in effect, which stays.
    mutating func supersede(at now: Instant) { supersededAt = supersededAt ?? now }

    var isSuperseded: Bool { supersededAt != nil }

    /// Takes the subscription as the provider has it. An ended one stays ended.
    /// - Parameter price: its present price; nil for one that was not made here: the plan stays.
    mutating func take(_ subscription: StripeSubscription, price: ProviderPrice?, at now: Instant) {
        providerID = providerID ?? subscription.id
        guard providerID == subscription.id, state != .ended else { return }
        state = .open
        providerStatus = subscription.status.text
        itemID = subscription.items.first?.id
        latestInvoice = subscription.latestInvoice ?? latestInvoice
        if let price { (plan, cycle, amount, region) = (price.plan, price.cycle, price.amount, price.region) }
        trialEndsAt = subscription.trialEnd
        cancelAt = subscription.cancelAt ?? (subscription.cancelsAtPeriodEnd ? subscription.periodEnd : nil)
        if subscription.status == .canceled || subscription.status == .incompleteExpired {
            end(at: subscription.endedAt ?? now)
        }
    }

    /// Takes the Checkout session as the provider has it.
    mutating func take(_ session: StripeCheckoutSession, at now: Instant) {
        sessionID = sessionID ?? session.id
        guard sessionID == session.id, state != .ended else { return }
        state = .open
        sessionURL = session.url
        sessionExpiresAt = session.expiresAt
        providerID = providerID ?? session.subscription
        if session.status == .expired, providerID == nil { end(at: now) }
    }

    /// The invoices that may be for a whole period: an upgrade to another cycle begins one.
    private static let billingReasons: [StripeInvoice.BillingReason] = [
        .subscriptionCreate, .subscriptionCycle, .subscriptionUpdate,
    ]

    /// Counts a paid invoice. Only a full one, for a whole period, pays for a period; a proration does not.
    /// - Returns: whether it is a full one.
    @discardableResult
    mutating func pay(_ invoice: StripeInvoice) -> Bool {
        guard invoice.status == .some(StripeState(.paid)),
            let reason = invoice.billingReason?.known, Self.billingReasons.contains(reason),
            let line = invoice.lines.filter({ !$0.isProration }).max(by: { $0.periodEnd < $1.periodEnd }),
            line.periodEnd > line.periodStart
        else { return false }
        // A trial's first invoice is for nothing: what is paid for begins with its end.
        guard trialEndsAt.map({ line.periodEnd > $0 }) ?? true else { return false }
        if anchor == nil || paidThrough == nil { anchor = line.periodStart }
        paidThrough = max(line.periodEnd, paidThrough ?? line.periodEnd)
        return true
    }

    mutating func end(at now: Instant) {
        state = .ended
        endedAt = endedAt ?? now
    }
}

extension ProviderSubscription {
    init(row: Row) throws {
        guard let currency = Currency(try row["currency"]) else {
            preconditionFailure("a stored subscription has a currency")
        }
        id = try row["id"]
        organisation = try row["organisation_id"]
        person = try row["person_id"]
        isCheckout = try row["is_checkout"]
        call = try row["call_id"]
        state = try row["state"]
        plan = try row["plan_id"]
        cycle = try row["cycle"]
        amount = Money(try row["amount"], currency)
        region = try row["region"]
        sessionID = try row["session_id"]
        sessionURL = try row["session_url"]
        sessionExpiresAt = try row["session_expires_at"]
        providerID = try row["provider_id"]
        itemID = try row["item_id"]
        latestInvoice = try row["latest_invoice"]
        providerStatus = try row["provider_status"]
        anchor = try row["anchor_at"]
        paidThrough = try row["paid_through"]
        trialEndsAt = try row["trial_ends_at"]
        cancelAt = try row["cancel_at"]
        endedAt = try row["ended_at"]
        changes = try row["changes"]
        supersededAt = try row["superseded_at"]
        createdAt = try row["created_at"]
    }
}
