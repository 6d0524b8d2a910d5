import Base
import Identity
import Modules
import TestKit
import Testing

@testable import Billing

/// The state machines of payments and refunds, as lists of moves.
@Suite struct PaymentTransitionTests {
    private let now = Instant(seconds: 1_769_860_800)

    private func payment(_ state: Payment.State = .unknown) throws -> Payment {
        var payment = Payment(
            id: ID(trusted: "payment"), organisation: ID(trusted: "payer"), person: nil, purpose: PaymentPurpose("p"),
            subject: "s", method: .intent, amount: Money(100, try #require(Currency("usd"))), destination: .held,
            description: "", state: state, receivedMinor: 0, refundedMinor: 0, createdAt: now)
        if state == .succeeded { payment.receivedMinor = 100 }
        return payment
    }

    private func report(_ state: Payment.State?, failure: String? = nil) throws -> Payment.Report {
        Payment.Report(
            state: state, intentID: "pi_1", chargeID: nil, amount: Money(100, try #require(Currency("usd"))),
            receivedMinor: state == .succeeded ? 100 : 0, failureCode: failure, failureMessage: nil)
    }

    @Test(arguments: Payment.State.allCases, Payment.State.allCases)
    func `a payment follows the provider until it is final`(from: Payment.State, to: Payment.State) throws {
        var payment = try payment(from)
        let hasChanged = payment.apply(try report(to), at: now)
        #expect(payment.state == (from.isFinal ? from : to))
        #expect(hasChanged == !from.isFinal)
        #expect((payment.succeededAt != nil) == (!from.isFinal && to == .succeeded))
        // The same word again changes nothing.
        let isChangedAgain = payment.apply(try report(to), at: now)
        #expect(!isChangedAgain)
    }

    @Test func `a declined payment can be tried again, and a state that is not known changes nothing`() throws {
        var payment = try payment(.requiresConfirmation)
        let isDeclined = payment.apply(try report(.requiresPaymentMethod, failure: "card_declined"), at: now)
        #expect(isDeclined && payment.failureCode == "card_declined")
        #expect(PaymentView.Status(payment) == .failed)
        let isUnknown = payment.apply(try report(nil), at: now)
        #expect(!isUnknown)
        let hasSucceeded = payment.apply(try report(.succeeded), at: now)
        #expect(hasSucceeded && payment.failureCode == nil && PaymentView.Status(payment) == .completed)
    }

    @Test(arguments: Refund.State.allCases, Refund.State.allCases)
    func `a refund moves forward only`(from: Refund.State, to: Refund.State) throws {
        var refund = Refund(
            id: ID(trusted: "refund"), payment: ID(trusted: "payment"), organisation: ID(trusted: "payer"),
            amount: Money(100, try #require(Currency("usd"))), fromRevenueMinor: 0, reason: "", key: "k", state: from,
            createdAt: now)
        let order: [Refund.State] = [.requested, .pending, .succeeded, .failed]
        let isForward = try #require(order.firstIndex(of: to)) > #require(order.firstIndex(of: from))
        let hasMoved = refund.apply(to, providerID: "re_1", at: now)
        #expect(hasMoved == isForward && refund.state == (isForward ? to : from))
        #expect(refund.providerID == "re_1")
    }
}
