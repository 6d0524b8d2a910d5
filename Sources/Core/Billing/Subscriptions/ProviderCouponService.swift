import Entitlements
import Identity
import Modules
import Stripe

/// The discounts of coupons at the provider, which takes them off its invoices: made when they are used first.
final class ProviderCouponService: Sendable {
    private static let create = ProviderPurpose("coupon.create")
    /// The code of a refusal to make what is there.
    private static let existing = "resource_already_exists"

    private let database: any Database
    private let calls: ProviderCallService
    private let coupons: CouponService
    private let runtime: Runtime

    init(database: any Database, calls: ProviderCallService, coupons: CouponService, runtime: Runtime) {
        self.database = database
        self.calls = calls
        self.coupons = coupons
        self.runtime = runtime
        // Nothing here depends on it: its id is known before it is made.
        calls.register(Self.create) { _, _, _ in }
    }

    /// The id of a coupon at the provider; nil without a code.
    /// - Parameter attempt: the organisation's attempt to start a subscription, which may have the coupon.
    /// - Throws: what ``CouponService/check(_:for:amount:by:in:)`` throws; `provider-unavailable`; `payment-refused`
    ///   where the provider does not take the discount.
    func require(
        _ code: String?, for plan: Plan, _ amount: Money, of attempt: ID<ProviderSubscription>?, scope: Scope
    ) async throws(Problem) -> String? {
        guard let code else { return nil }
        let id: ID<ProviderCall> = runtime.id()
        let (name, call) = try await database.write { [self] transaction in
            let coupon = try coupons.check(
                code, for: plan.id, amount: amount, by: scope.organisation,
                operation: attempt.map(ProviderSubscription.couponOperation), in: transaction)
            let name = "gatehouse_\(coupon.id)"
            let call = ProviderCall(
                id: id, purpose: Self.create, subject: name, organisation: nil, key: "coupon:\(name)",
                request: Self.request(coupon, id: name))
            let isNew = try calls.enqueue(call, in: transaction)
            return (name, isNew ? call.id : try transaction.providerCall(ofKey: call.key)?.id)
        }
        guard let call, let outcome = try await calls.send(call) else { throw Problem(.providerUnavailable) }
        if case .refused(let refusal) = outcome, refusal.code != Self.existing { throw Problem(refused: refusal) }
        return name
    }

    /// Whether an attempt has the coupon of a request; one without a coupon continues any attempt.
    func isTaken(_ code: String?, by attempt: ProviderSubscription, in transaction: Transaction) throws -> Bool {
        guard let code else { return true }
        let redemption = try coupons.redemption(
            ofOperation: ProviderSubscription.couponOperation(attempt.id), of: attempt.organisation, in: transaction)
        return redemption.map { $0.coupon.code == Coupon.code(code) } ?? false
    }

    func redeem(
        _ code: String, for plan: Plan.ID, amount: Money, by organisation: ID<Organisation>, operation: String,
        in transaction: Transaction
    ) throws {
        _ = try coupons.redeem(
            code, for: plan, amount: amount, by: organisation, operation: operation, in: transaction)
    }

    private static func request(_ coupon: Coupon, id: String) -> StripeRequest {
        let discount: StripeCoupon.Discount =
            switch coupon.discount {
            case .percent(let millionths): .percent(hundredths: millionths / 100)
            case .amount(let money): .amount(money)
            }
        return switch coupon.duration {
        case .once: .createCoupon(id: id, discount, duration: .once, name: coupon.code)
        case .repeating(let months):
            .createCoupon(id: id, discount, duration: .repeating, durationMonths: months, name: coupon.code)
        case .forever: .createCoupon(id: id, discount, duration: .forever, name: coupon.code)
        }
    }
}
