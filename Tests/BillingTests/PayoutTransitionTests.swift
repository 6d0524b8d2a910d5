import Base
import Identity
import Modules
import Stripe
import Testing

@testable import Billing

/// The life of a payout as lists of moves.
@Suite struct PayoutTransitionTests {
    private enum Move: String, CaseIterable {
        case hold, approve, cancel, send, lose, transfer, refuse, retry, pay, bankReturn, reverse, completeReversal
        case refuseReversal
    }

    private static let now = Instant(seconds: 1_800_000_000)

    private static func requested(_ amount: Int64 = 10_000, _ currency: String = "usd", commission: Int64 = 1_000)
        throws -> Payout
    {
        let payer = Runtime.system.id(of: Organisation.self)
        return Payout(
            NewPayout(
                PayoutPurpose("test"), of: "subject", from: .held(of: payer),
                to: Runtime.system.id(of: Organisation.self),
                amount: Money(amount, try #require(Currency(currency))), commission: commission, key: "release:1"),
            id: Runtime.system.id(), destination: "acct_1", after: 0, at: now)
    }

    private static func reserved() throws -> Payout {
        var payout = try requested()
        try payout.reserve(needsApproval: false)
        return payout
    }

    private static func apply(_ move: Move, to payout: inout Payout) throws {
        switch move {
        case .hold: try payout.hold("a check", for: .administrator)
        case .approve: try payout.approve(to: "acct_1")
        case .cancel: try payout.cancel("not wanted", at: now)
        case .send: try payout.send()
        case .lose: try payout.lose()
        case .transfer: try payout.transfer("tr_1", at: now)
        case .refuse: try payout.refuse("no funds")
        case .retry: try payout.retry(to: "acct_1", needsApproval: false)
        case .pay: try payout.pay(by: "po_1", at: now)
        case .bankReturn: try payout.return("account closed", by: "po_1", at: now)
        case .reverse: try payout.reverse("an error")
        case .completeReversal: try payout.completeReversal(at: now)
        case .refuseReversal: try payout.refuseReversal("no balance")
        }
    }

    /// Every list of moves that leads to a state, and the moves that the state allows.
    private static let states: [(moves: [Move], state: Payout.State, allowed: [Move: Payout.State])] = [
        ([], .reserved, [.hold: .held, .cancel: .canceled, .send: .sending]),
        ([.hold], .held, [.approve: .reserved, .cancel: .canceled]),
        ([.hold, .approve], .reserved, [.hold: .held, .cancel: .canceled, .send: .sending]),
        ([.cancel], .canceled, [:]),
        ([.send], .sending, [.lose: .unknown, .transfer: .transferred, .refuse: .refused]),
        ([.send, .lose], .unknown, [.transfer: .transferred, .refuse: .refused]),
        ([.send, .refuse], .refused, [.retry: .reserved, .cancel: .canceled]),
        ([.send, .lose, .refuse, .retry], .reserved, [.hold: .held, .cancel: .canceled, .send: .sending]),
        (
            [.send, .transfer], .transferred,
            [.pay: .paid, .bankReturn: .returned, .reverse: .reversing]
        ),
        ([.send, .transfer, .pay], .paid, [.bankReturn: .returned, .reverse: .reversing]),
        ([.send, .transfer, .bankReturn], .returned, [.pay: .paid, .reverse: .reversing]),
        ([.send, .transfer, .pay, .bankReturn], .returned, [.pay: .paid, .reverse: .reversing]),
        ([.send, .transfer, .pay, .bankReturn, .pay], .paid, [.bankReturn: .returned, .reverse: .reversing]),
        (
            [.send, .transfer, .reverse], .reversing,
            [
                .pay: .reversing, .bankReturn: .reversing, .completeReversal: .reversed,
                .refuseReversal: .transferred,
            ]
        ),
        (
            [.send, .transfer, .pay, .reverse], .reversing,
            [.bankReturn: .reversing, .completeReversal: .reversed, .refuseReversal: .paid]
        ),
        (
            [.send, .transfer, .pay, .reverse, .bankReturn], .reversing,
            [.pay: .reversing, .completeReversal: .reversed, .refuseReversal: .returned]
        ),
        ([.send, .lose, .transfer, .reverse, .completeReversal], .reversed, [:]),
    ]

    @Test func `each state allows its moves and refuses all others`() throws {
        for (moves, state, allowed) in Self.states {
            var payout = try Self.reserved()
            for move in moves { try Self.apply(move, to: &payout) }
            #expect(payout.state == state, "\(moves)")
            for move in Move.allCases {
                var moved = payout
                if let next = allowed[move] {
                    try Self.apply(move, to: &moved)
                    #expect(moved.state == next, "\(moves) then \(move)")
                } else {
                    #expect(throws: Problem.self, "\(moves) then \(move)") { try Self.apply(move, to: &moved) }
                    #expect(moved == payout, "a refused move changes nothing")
                }
            }
        }
        #expect(Set(Self.states.map(\.state)) == Set(Payout.State.allCases.filter { $0 != .requested }))
    }

    @Test func `a payout that needs approval is held first`() throws {
        var payout = try Self.requested()
        #expect(payout.state == .requested)
        try payout.reserve(needsApproval: true)
        #expect(payout.state == .held && payout.heldFor == .approval)
        #expect(throws: Problem.self) { try payout.send() }
    }

    @Test func `each attempt has a key of its own, the first one the given key`() throws {
        var payout = try Self.reserved()
        var keys: [String] = []
        for _ in 1...3 {
            try payout.send()
            keys.append(payout.attemptKey)
            try payout.refuse("no funds")
            try payout.retry(to: "acct_1", needsApproval: false)
        }
        #expect(keys == ["release:1", "release:1:2", "release:1:3"])
    }

    @Test func `what is reserved is released whole, or transferred in its parts`() throws {
        let payout = try Self.requested(10_050, "huf", commission: 1_000)
        #expect(payout.remainder == 50 && payout.net == 9_000)
        #expect(payout.reservation.map(\.amount) == [10_050] && payout.release.map(\.amount) == [10_050])
        #expect(payout.transferral.map(\.amount) == [9_000, 1_000, 50])
        #expect(payout.transferral.map(\.to.name) == [.inTransit, .commission, .payable])
        #expect(payout.restitution(payable: 50).reduce(0) { $0 + $1.amount } == 10_050)
        #expect(payout.restitution(payable: 0).reduce(0) { $0 + $1.amount } == 10_000)
    }

    @Test(arguments: [("usd", 1), ("jpy", 1), ("kwd", 10), ("isk", 1), ("ugx", 1), ("huf", 100), ("twd", 100)])
    func `payouts of some currencies are multiples of a step`(currency: String, step: Int64) throws {
        let payout = try Self.requested(123_456, currency, commission: 1)
        #expect(payout.net % step == 0 && payout.net + payout.remainder == 123_455)
        #expect(payout.remainder < step)
        // At the provider, ISK and UGX are written with two decimals, too.
        let isWhole = ["isk", "huf", "twd", "ugx"].contains(currency)
        let units = StripeAmount.units(of: Money(payout.net, payout.amount.currency))
        #expect(!isWhole || units % 100 == 0)
        #expect(
            Money(major: DecimalNumber(5), payout.amount.currency).map(StripeAmount.units) == inMajorUnits(currency))
    }

    /// 5 major units as the provider writes them.
    private func inMajorUnits(_ currency: String) -> Int64 {
        switch currency {
        case "jpy": 5
        case "kwd": 5_000
        default: 500
        }
    }

    @Test func `no commission and no remainder are not posted`() throws {
        #expect(try Self.requested(500, "usd", commission: 0).transferral.map(\.amount) == [500])
    }
}
