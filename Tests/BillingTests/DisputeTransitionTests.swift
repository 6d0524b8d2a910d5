import Base
import Identity
import Modules
import Testing

@testable import Billing

/// The money of a dispute as lists of moves.
@Suite struct DisputeTransitionTests {
    private static let now = Instant(seconds: 1_800_000_000)

    private func dispute() throws -> PaymentDispute {
        PaymentDispute(
            id: Runtime.system.id(), providerID: "dp_1", payment: Runtime.system.id(),
            payer: .organisation(Runtime.system.id()), amount: Money(1_000, try #require(Currency("usd"))),
            reason: "fraudulent", status: "needs_response", funds: .untouched, fromHeld: 0, evidenceDueBy: nil,
            createdAt: Self.now, closedAt: nil)
    }

    private func summary(_ postings: [[MoneyMovement]]) -> [[String]] {
        postings.map { $0.map { "\($0.amount) \($0.from.name.rawValue) > \($0.to.name.rawValue)" } }
    }

    @Test func `the withdrawal takes held money first, and a won dispute returns both parts`() throws {
        var dispute = try dispute()
        let withdrawal = dispute.move(to: .withdrawn, held: 700, at: Self.now)
        #expect(summary(withdrawal) == [["700 held > disputed", "300 revenue > disputed"]])
        let won = dispute.move(to: .returned, held: 0, at: Self.now)
        #expect(summary(won) == [["700 disputed > held", "300 disputed > revenue"]])
        #expect(dispute.funds == .returned && dispute.closedAt == Self.now)
    }

    @Test func `a dispute that is first seen as lost is withdrawn and lost`() throws {
        var dispute = try dispute()
        let lost = dispute.move(to: .lost, held: 5_000, at: Self.now)
        #expect(summary(lost) == [["1000 held > disputed"], ["1000 disputed > dispute_lost"]])
        // An appeal that was won.
        #expect(
            summary(dispute.move(to: .returned, held: 0, at: Self.now)) == [["1000 dispute_lost > held"]])
    }

    @Test func `late and repeated states move nothing`() throws {
        var dispute = try dispute()
        #expect(dispute.move(to: .untouched, held: 5_000, at: Self.now) == [])
        _ = dispute.move(to: .withdrawn, held: 0, at: Self.now)
        #expect(dispute.move(to: .withdrawn, held: 5_000, at: Self.now) == [])
        _ = dispute.move(to: .returned, held: 0, at: Self.now)
        for state in PaymentDispute.Funds.allCases {
            #expect(dispute.move(to: state, held: 5_000, at: Self.now) == [])
        }
        #expect(dispute.funds == .returned)
        var untouched = try self.dispute()
        // An inquiry that was closed without a withdrawal and is reported as won.
        #expect(untouched.move(to: .returned, held: 5_000, at: Self.now) == [])
    }
}
