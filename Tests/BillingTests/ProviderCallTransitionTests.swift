import Base
import Identity
import Modules
import Stripe
import Testing

@testable import Billing

/// The state machine of calls to the provider, as lists of moves.
@Suite struct ProviderCallTransitionTests {
    private let start = Instant(seconds: 1_769_860_800)

    private func call() -> ProviderCall {
        ProviderCall(
            id: ID(trusted: "call"), purpose: ProviderPurpose("test"), subject: "subject", organisation: nil,
            key: "key", request: .createRefund(paymentIntent: "pi_1"))
    }

    private func unknown(after age: Duration = .zero) -> ProviderCall {
        var call = call()
        call.begin(at: start)
        _ = call.end(.unknown(reason: "timeout"), at: start + age)
        return call
    }

    @Test func `a pending call is sent, and its outcome is final`() {
        var done = call()
        #expect(done.step(at: start) == .send)
        done.begin(at: start)
        #expect(done.state == .sending && done.fence == 1 && done.step(at: start) == .wait(until: start + .minutes(1)))
        guard case .done = done.end(.done(["id": "re_1", "client_secret": "s"]), at: start) else {
            Issue.record("no outcome")
            return
        }
        #expect(done.state == .done && done.object == ["id": "re_1"] && done.step(at: start) == .none)
        var refused = call()
        refused.begin(at: start)
        let refusal = StripeRefusal(status: 402, type: "card_error", message: "no")
        guard case .refused(refusal) = refused.end(.refused(refusal), at: start) else {
            Issue.record("no outcome")
            return
        }
        #expect(refused.state == .refused && refused.step(at: start, early: true) == .none)
    }

    @Test func `an unknown call is sent again with its key for 23 hours, then looked up, then stuck`() {
        var unknown = unknown()
        for (age, next) in [
            (Duration.zero, Duration.minutes(1)), (.minutes(1), .minutes(5)), (.minutes(5), .minutes(30)),
            (.minutes(30), .hours(2)), (.hours(2), .hours(12)), (.hours(12), .hours(24)),
        ] {
            #expect(unknown.state == .unknown && unknown.nextAt == start + next)
            #expect(unknown.step(at: start + age + .seconds(1)) == .wait(until: start + next))
            if next < .hours(24) {
                #expect(unknown.step(at: start + next) == .send)
                // A request that repeats the call need not wait.
                #expect(unknown.step(at: start + age + .seconds(1), early: true) == .send)
            } else {
                #expect(unknown.step(at: start + next) == .lookUp)
                #expect(unknown.step(at: start + .hours(23), early: true) == .wait(until: start + next))
            }
            unknown.begin(at: start + next)
            #expect(unknown.end(.unknown(reason: "timeout"), at: start + next) == nil)
        }
        #expect(unknown.state == .stuck && unknown.step(at: start + .days(9), early: true) == .none)
        #expect(unknown.key == "key" && unknown.attempts == 7)
    }

    @Test func `a crash while a call is sent leaves it to be sent again with the same key`() {
        var call = call()
        call.begin(at: start)
        #expect(call.step(at: start + .seconds(59)) == .wait(until: start + .seconds(60)))
        #expect(call.step(at: start + .seconds(60)) == .send)
        #expect(call.step(at: start + .hours(23)) == .lookUp)
    }

    @Test func `what two look-ups an hour apart do not find is refused`() {
        var call = unknown(after: .hours(12))
        call.begin(at: start + .hours(24))
        #expect(call.end(.absent, at: start + .hours(24)) == nil)
        #expect(call.state == .unknown && call.nextAt == start + .hours(25))
        #expect(call.step(at: start + .hours(25)) == .lookUp)
        call.begin(at: start + .hours(25))
        guard case .refused(.absent) = call.end(.absent, at: start + .hours(25)) else {
            Issue.record("no outcome")
            return
        }
        #expect(call.state == .refused)
    }

    @Test func `only a stuck call is redriven or resolved`() throws {
        var call = unknown()
        #expect(throws: Problem.self) { try call.redrive(at: start) }
        #expect(throws: Problem.self) { _ = try call.resolve(.done(["id": "re_1"]), at: start) }
        call.begin(at: start + .hours(30))
        _ = call.end(.unknown(reason: "timeout"), at: start + .hours(30))
        #expect(call.state == .stuck)
        var redriven = call
        try redriven.redrive(at: start + .hours(31))
        #expect(redriven.state == .unknown && redriven.step(at: start + .hours(31)) == .lookUp)
        #expect(redriven.fence == call.fence + 1)
        guard case .done = try call.resolve(.done(["id": "re_1"]), at: start + .hours(31)) else {
            Issue.record("no outcome")
            return
        }
        #expect(call.state == .done)
    }
}
