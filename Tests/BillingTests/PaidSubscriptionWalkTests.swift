import App
import Base
import Entitlements
import Identity
import Modules
import Stripe
import TestKit
import TestStripe
import Testing

@testable import Billing

/// Random walks of organisations that start, change, pay and end subscriptions while time passes and they compete for
/// coupons. What the system has is compared with a plain model after each step, and with the provider's money at the
/// end.
@Suite struct PaidSubscriptionWalkTests {
    /// 5,000 steps on each engine in a long run.
    @Test(arguments: Engine.available)
    func `organisations have what they asked and paid for`(engine: Engine) async throws {
        for seed in 1...TestScale.rounds(10) {
            try await withSubscriptions(engine) { fixture in
                var walk = try await SubscriptionWalk(fixture, seed: UInt64(seed))
                for step in 0..<500 {
                    do { try await walk.step() } catch {
                        throw SubscriptionWalk.Failure(place: "seed \(seed), step \(step)", cause: error)
                    }
                }
                try await walk.finish()
            }
        }
    }
}

/// The organisations of a walk, their models, and the coupons that they share.
private struct SubscriptionWalk {
    struct Failure: Error {
        let place: String
        let cause: any Error
    }

    private struct Customer {
        let person: TestPerson
        var model = SubscriptionModel()
        /// The newest subscription at the provider, and when it was read.
        var subscription: String?
        var readAt = Instant(seconds: 0)

        var organisation: ID<Organisation> { ID(trusted: person.organisation) }
    }

    /// Two invoices are 13 days apart at least: a late payment, and the next period. Each of them is read.
    private static let unreadMax = Duration.days(8)
    private static let takersMax = 2

    private let fixture: SubscriptionFixture
    private var random: SplitMix
    private var customers: [Customer] = []
    private var coupons: [SubscriptionCoupon] = []
    private var now: Instant { fixture.test.clock.now }

    init(_ fixture: SubscriptionFixture, seed: UInt64) async throws {
        self.fixture = fixture
        random = SplitMix(seed: seed)
        for _ in 0..<3 { customers.append(Customer(person: try await fixture.test.register())) }
        let administrator = try await fixture.test.administrator()
        for number in 0..<6 {
            let coupon = SubscriptionCoupon(code: "WALK-\(number)", isForever: number % 2 == 1)
            let body: JSONValue = [
                "code": .string(coupon.code), "percent": 50, "duration": coupon.isForever ? "forever" : "once",
                "max_redemptions": .integer(Int64(Self.takersMax)),
            ]
            try await fixture.post("admin/coupons", body, as: administrator).require(201)
            coupons.append(coupon)
        }
    }

    mutating func step() async throws {
        let index = Int.random(in: 0..<customers.count, using: &random)
        let choice = Int.random(in: 0..<20, using: &random)
        let stage = customers[index].model.stage
        if choice < 10 { return try await passTime() }
        try await read(index)
        switch (choice, stage) {
        case (10...11, _): try await subscribe(index)
        case (12...13, .attempt), (12...13, .pastDue): try await pay(index)
        case (14, .active), (14, .pastDue): try turnCard(index)
        case (15...16, .active), (15...16, .pastDue): try await upgrade(index)
        case (17, .active), (17, .pastDue): try await downgrade(index)
        case (18, .attempt), (18, .active), (18, .pastDue): try await cancel(index)
        case (19, .active):
            let problem = customers[index].model.resume()
            try await post("resumption", nil, index).require(200, unless: problem)
        default: return try await passTime()
        }
        for _ in 0..<Int.random(in: 1...2, using: &random) { try await read(index) }
        try await compare(index)
    }

    /// Everything is read, and the money is that of the provider.
    mutating func finish() async throws {
        for index in customers.indices {
            try await read(index)
            try await compare(index)
        }
        let invoices = (fixture.stripe.objects() as [StripeInvoice]).filter { $0.amountPaid.minorUnits > 0 }
        try await fixture.requireRevenue(invoices: Int64(invoices.count))
        let periods = invoices.filter { $0.billingReason != .subscriptionUpdate }
        let collected = customers.map(\.model.collected).reduce(0, +)
        #expect(periods.map(\.amountPaid.minorUnits).reduce(0, +) == collected)
        for coupon in coupons {
            #expect(try await fixture.redemptions(of: coupon.code) == Int64(takers(of: coupon).count), "\(coupon)")
        }
    }

    // MARK: Steps

    private mutating func passTime() async throws {
        fixture.test.clock.advance(by: .hours(Int64.random(in: 1...40, using: &random)))
        for index in customers.indices {
            let wasAttempt = customers[index].model.stage == .attempt
            customers[index].model.advance(to: now)
            // An attempt that has expired releases its coupon when it is read: the other organisations depend on it.
            let isDue = wasAttempt || now - customers[index].readAt > Self.unreadMax
            if isDue || Int.random(in: 0..<3, using: &random) == 0 {
                try await read(index)
                try await compare(index)
            } else {
                try await compareBound(index)
            }
        }
    }

    private mutating func subscribe(_ index: Int) async throws {
        let plan = SubscriptionModel.plans.randomElement(using: &random)?.id ?? ""
        let cycle: Cycle = Int.random(in: 0..<4, using: &random) == 0 ? .yearly : .monthly
        let coupon = Bool.random(using: &random) ? coupons.randomElement(using: &random) : nil
        var problem: String?
        if customers[index].model.isLive {
            problem = "already-subscribed"
        } else if let coupon {
            problem = refusal(of: coupon, to: index)
        }
        var body: [String: JSONValue] = ["plan": .string(plan), "cycle": .string(cycle.rawValue)]
        body["coupon"] = coupon.map { .string($0.code) }
        let response = await post("subscribe", .object(body), index)
        try response.require(201, unless: problem)
        guard problem == nil else { return }
        customers[index].model.start(plan, cycle, coupon, at: now)
        customers[index].subscription = response["billing"]?["stripe_subscription_id"]?.string
    }

    private func refusal(of coupon: SubscriptionCoupon, to index: Int) -> String? {
        let (model, takers) = (customers[index].model, takers(of: coupon))
        if model.stage == .attempt, model.coupon?.code == coupon.code { return nil }
        if takers.count >= Self.takersMax { return "coupon-ended" }
        return takers.contains(index) ? "coupon-used" : nil
    }

    private mutating func pay(_ index: Int) async throws {
        try fixture.stripe.payLatestInvoice(of: customers[index].subscription ?? "")
        customers[index].model.pay()
    }

    private mutating func turnCard(_ index: Int) throws {
        customers[index].model.isCardGood.toggle()
        let subscription = fixture.stripe.object(
            customers[index].subscription ?? "", as: StripeSubscription.self)
        guard let subscription else { throw Problem(.notFound) }
        fixture.stripe.setCards(
            of: subscription.customer,
            customers[index].model.isCardGood ? .succeeds : .declines(code: "card_declined", declineCode: nil))
    }

    private mutating func upgrade(_ index: Int) async throws {
        // Of the last hours so little is due that nothing may be charged.
        guard customers[index].model.paidThrough - now > .hours(24) || customers[index].model.stage == .pastDue else {
            return
        }
        let plan = SubscriptionModel.plans.randomElement(using: &random)?.id ?? ""
        let cycle: Cycle = Int.random(in: 0..<4, using: &random) == 0 ? .yearly : .monthly
        let problem = customers[index].model.upgrade(to: plan, cycle, at: now)
        try await post("upgrade", ["plan": .string(plan), "cycle": .string(cycle.rawValue)], index)
            .require(200, unless: problem)
    }

    private mutating func downgrade(_ index: Int) async throws {
        let plan = (["free"] + SubscriptionModel.plans.map(\.id)).randomElement(using: &random) ?? ""
        let problem = customers[index].model.downgrade(to: plan)
        try await post("downgrade", ["plan": .string(plan)], index).require(200, unless: problem)
    }

    private mutating func cancel(_ index: Int) async throws {
        let isNow = customers[index].model.stage != .active || Bool.random(using: &random)
        if isNow { customers[index].model.end() } else { customers[index].model.cancelAtEnd() }
        try await post("cancel-subscription", ["immediate": .bool(isNow)], index).require(200)
    }

    private func post(_ path: String, _ body: JSONValue?, _ index: Int) async -> TestResponse {
        await fixture.post("payments/\(path)", body, as: customers[index].person)
    }

    // MARK: Comparison

    /// Has the system read what the provider has.
    private mutating func read(_ index: Int) async throws {
        customers[index].readAt = now
        if let subscription = customers[index].subscription { try await fixture.read(subscription) }
    }

    private func compare(_ index: Int) async throws {
        let model = customers[index].model
        let (view, access) = try await present(index)
        #expect(access == model.access(at: now), "\(model)")
        guard model.isLive else { return }
        #expect(view?.status == (model.stage == .active ? .active : .pastDue), "\(model)")
        #expect(view?.plan.id == model.given && view?.cycle == model.cycle, "\(model)")
        #expect(view?.paidThrough == model.paidThrough, "\(model)")
        #expect(view?.nextPlan == model.next, "\(model)")
        #expect(view?.cancelAt == (model.cancels && model.next != "free" ? model.paidThrough : nil), "\(model)")
    }

    /// Without having read the newest state the system gives no more than what was paid for, and the grace period.
    private func compareBound(_ index: Int) async throws {
        let model = customers[index].model
        let access = try await present(index).access
        #expect(access == nil || access == "free" || now < model.paidThrough + .days(7), "\(model)")
    }

    private func present(_ index: Int) async throws -> (view: SubscriptionView?, access: String?) {
        let organisation = customers[index].organisation
        return try await fixture.database.read { [billing = fixture.test.app.entitlements.billing] transaction in
            (
                try billing.view(of: organisation, in: transaction),
                try billing.snapshot(of: organisation, in: transaction)?.plan.id.text
            )
        }
    }

    /// The organisations whose attempts or subscriptions have a coupon: it stays taken after one that was paid.
    private func takers(of coupon: SubscriptionCoupon) -> Set<Int> {
        Set(customers.indices.filter { customers[$0].model.takes(coupon) })
    }
}

extension TestResponse {
    /// - Parameter problem: which has to come instead, where there is one.
    fileprivate func require(_ status: Int, unless problem: String?) throws {
        guard problem.map({ code == $0 }) ?? (self.status == status) else { throw UnexpectedResponse(self) }
    }
}
