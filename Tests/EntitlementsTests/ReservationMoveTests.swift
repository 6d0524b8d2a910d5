import Base
import Modules
import Testing

@testable import Entitlements

/// The table of moves, on the value alone.
@Suite struct ReservationMoveTests {
    enum Move: Sendable {
        case commit(Int64, room: Int64 = 0, fence: Int64? = nil)
        case release(fence: Int64? = nil)
        case extend(fence: Int64? = nil)
        case takeUp, lose
        /// Lost, and a witness says what became of it.
        case hear(Reservation.Resolution, room: Int64 = 0)
    }

    /// Moves of a reservation of three units, where they lead, and what they did to its bucket in all: held, used, beyond.
    struct Story: Sendable, CustomTestStringConvertible {
        let terms: Reservation.Terms
        let moves: [Move]
        let state: Reservation.State
        let bucket: [Int64]
        var fence: Int64 = 1
        var isOverrun = false
        var isLost = false
        var testDescription: String { "\(terms.excess), \(terms.onExpiry): \(moves) → \(state)" }

        init(
            _ moves: Move..., excess: Reservation.Excess = .overrun, onExpiry: Reservation.ExpiryPolicy = .release,
            to state: Reservation.State, _ bucket: [Int64],
            fence: Int64 = 1, isOverrun: Bool = false, isLost: Bool = false
        ) {
            terms = Reservation.Terms(excess: excess, onExpiry: onExpiry)
            (self.moves, self.state, self.bucket, self.fence, self.isOverrun, self.isLost) = (
                moves, state, bucket, fence, isOverrun, isLost
            )
        }
    }

    static let stories: [Story] = [
        // As many as were held, fewer, none.
        Story(to: .held, [3, 0, 0]),
        Story(.commit(3), to: .committed, [0, 3, 0]),
        Story(.commit(1), to: .committed, [0, 1, 0]),
        Story(.commit(0), to: .committed, [0, 0, 0]),
        // More, and they fit; or some of them; or the limit was cut and even less than nothing is left.
        Story(.commit(5, room: 2), to: .committed, [0, 5, 0]),
        Story(.commit(5, room: 1), to: .committed, [0, 5, 1], isOverrun: true),
        Story(.commit(5, room: 1), excess: .overage, to: .committed, [0, 5, 1]),
        Story(.commit(5, room: 1), excess: .cap, to: .committed, [0, 4, 0]),
        Story(.commit(5, room: 0), excess: .cap, to: .committed, [0, 3, 0]),
        Story(.commit(5, room: -9), excess: .cap, to: .committed, [0, 3, 0]),
        Story(.commit(5, room: -9), to: .committed, [0, 5, 2], isOverrun: true),
        // What is held is held, whatever became of the limit.
        Story(.commit(3, room: -9), to: .committed, [0, 3, 0]),
        Story(.release(), to: .released, [0, 0, 0]),
        // Said again, or otherwise, nothing changes.
        Story(.commit(2), .commit(3), .release(), .lose, to: .committed, [0, 2, 0]),
        Story(.release(), .commit(3), .release(), .lose, to: .released, [0, 0, 0]),
        // Lost.
        Story(.lose, to: .expired, [0, 0, 0], fence: 2),
        Story(.lose, .lose, .extend(), .takeUp, to: .expired, [0, 0, 0], fence: 2),
        // Said to have come to nothing by whoever held it last, or by those who cannot have lost it: that is the end.
        Story(.lose, .release(), .commit(3, room: 9), to: .released, [0, 0, 0], fence: 2),
        Story(.lose, .release(fence: 1), .commit(3, room: 9), to: .released, [0, 0, 0], fence: 2),
        // Those who lost it to another before say nothing about it.
        Story(.takeUp, .lose, .release(fence: 1), .commit(3, room: 3, fence: 2), to: .committed, [0, 3, 0], fence: 4),
        Story(.takeUp, .lose, .release(fence: 2), to: .released, [0, 0, 0], fence: 3),
        Story(.lose, onExpiry: .commit, to: .committed, [0, 3, 0], fence: 2),
        Story(.lose, .commit(1), onExpiry: .commit, to: .committed, [0, 3, 0], fence: 2),
        // Lost, and a witness is to be asked: there is none, or it knows of an end.
        Story(.lose, onExpiry: .resolve("w"), to: .committed, [0, 3, 0], fence: 2),
        Story(
            .hear(.used(2)), .hear(.used(3)), .commit(3), .release(), onExpiry: .resolve("w"), to: .committed,
            [0, 2, 0],
            fence: 2),
        Story(.hear(.used(0)), onExpiry: .resolve("w"), to: .committed, [0, 0, 0], fence: 2),
        Story(.hear(.used(-1)), onExpiry: .resolve("w"), to: .committed, [0, 0, 0], fence: 2),
        Story(.hear(.used(5), room: 1), onExpiry: .resolve("w"), to: .committed, [0, 5, 1], fence: 2, isOverrun: true),
        Story(
            .hear(.used(5), room: 1), excess: .overage, onExpiry: .resolve("w"), to: .committed, [0, 5, 1], fence: 2),
        Story(.hear(.used(5), room: 1), excess: .cap, onExpiry: .resolve("w"), to: .committed, [0, 4, 0], fence: 2),
        Story(.hear(.unused), onExpiry: .resolve("w"), to: .expired, [0, 0, 0], fence: 2),
        // Even a witness may have been wrong.
        Story(.hear(.unused), .commit(2, room: 2), onExpiry: .resolve("w"), to: .committed, [0, 2, 0], fence: 3),
        // It goes on, in the same hands.
        Story(.hear(.inProgress(.hours(9))), onExpiry: .resolve("w"), to: .held, [3, 0, 0]),
        Story(
            .hear(.inProgress(.hours(9))), .extend(fence: 1), .commit(3, fence: 1), onExpiry: .resolve("w"),
            to: .committed,
            [0, 3, 0]),
        Story(.hear(.inProgress(.hours(9))), .lose, onExpiry: .resolve("w"), to: .committed, [0, 3, 0], fence: 2),
        // Who is not to be asked is not heard.
        Story(.hear(.used(2)), to: .expired, [0, 0, 0], fence: 2),
        Story(.hear(.inProgress(.hours(9))), onExpiry: .commit, to: .committed, [0, 3, 0], fence: 2),
        // Late, and admitted again: under a new fence, whatever fence the work shows.
        Story(.lose, .commit(3, room: 3), to: .committed, [0, 3, 0], fence: 3),
        Story(.lose, .commit(2, room: 2, fence: 1), to: .committed, [0, 2, 0], fence: 3),
        Story(.lose, .commit(3, room: 1), to: .committed, [0, 3, 2], fence: 3, isOverrun: true),
        Story(.lose, .commit(3, room: -4), to: .committed, [0, 3, 3], fence: 3, isOverrun: true),
        Story(.lose, .commit(3, room: 1), excess: .overage, to: .committed, [0, 3, 2], fence: 3),
        // A cap forgives what is beyond what was held, and never the work itself.
        Story(.lose, .commit(5, room: 1), excess: .cap, to: .committed, [0, 3, 2], fence: 3, isOverrun: true),
        Story(.lose, .commit(5, room: 4), excess: .cap, to: .committed, [0, 4, 0], fence: 3),
        // Others took it up.
        Story(.takeUp, to: .held, [3, 0, 0], fence: 2),
        Story(.takeUp, .commit(3, fence: 2), to: .committed, [0, 3, 0], fence: 2),
        Story(.takeUp, .commit(3, fence: 1), to: .held, [3, 0, 0], fence: 2, isLost: true),
        Story(.takeUp, .release(fence: 1), to: .held, [3, 0, 0], fence: 2, isLost: true),
        Story(.takeUp, .takeUp, .release(fence: 3), to: .released, [0, 0, 0], fence: 3),
        Story(.extend(fence: 1), .commit(3, fence: 1), to: .committed, [0, 3, 0]),
    ]

    private static let start = Instant(seconds: 1_769_860_800)

    @Test(arguments: stories) func `moves lead where the table says`(_ story: Story) {
        var reservation = Self.reservation(story.terms)
        var bucket: [Int64] = [3, 0, 0]
        var (isOverrun, isLost) = (false, false)
        for move in story.moves {
            let before = reservation
            var effect: Reservation.Effect?
            do {
                switch move {
                case .commit(let units, let room, let fence):
                    effect = try reservation.commit(units, remaining: room, fence: fence)
                case .release(let fence): effect = try reservation.release(fence: fence)
                case .extend(let fence): _ = reservation.extend(until: Self.start + .hours(9), fence: fence)
                case .takeUp: _ = reservation.takeOver(until: Self.start + .hours(9))
                case .lose: effect = reservation.expire(at: Self.start)
                case .hear(let fate, let room): effect = reservation.expire(fate, remaining: room, at: Self.start)
                }
            } catch {
                isLost = error.kind == .reservationLost
                #expect(reservation == before)
            }
            guard let effect else { continue }
            bucket = [bucket[0] - effect.held, bucket[1] + effect.used, bucket[2] + effect.beyond]
            isOverrun = isOverrun || effect.isOverrun
            #expect(effect.beyond <= effect.used)
        }
        #expect(reservation.state == story.state)
        #expect(reservation.fence == story.fence)
        #expect(bucket == story.bucket)
        #expect((isOverrun, isLost) == (story.isOverrun, story.isLost))
        #expect(reservation.actual == (story.state == .held ? nil : bucket[1]))
    }

    @Test func `a lease only grows, and for whoever shows the fence`() {
        var reservation = Self.reservation(Reservation.Terms(lease: .hours(6)))
        func extend(_ hours: Int64, _ fence: Int64? = nil) -> Bool {
            reservation.extend(until: Self.start + .hours(hours), fence: fence)
        }
        #expect(!extend(7, 2))
        #expect(reservation.leaseUntil == Self.start + .hours(6))
        #expect(extend(7, 1))
        #expect(extend(1))
        #expect(reservation.leaseUntil == Self.start + .hours(7))
        let fence = reservation.takeOver(until: Self.start + .hours(8))
        #expect(fence == 2)
        #expect(!extend(9, 1))
        #expect(reservation.leaseUntil == Self.start + .hours(8))
    }

    @Test func `work that goes on outlives its process, and its lease grows`() {
        var reservation = Self.reservation(
            Reservation.Terms(lifetime: .process, onExpiry: .resolve("w"), lease: .hours(6)))
        let now = Self.start + .hours(7)
        #expect(reservation.expire(.inProgress(.hours(2)), at: now) == Reservation.Effect())
        #expect(reservation.lifetime == .lease && reservation.leaseUntil == now + .hours(2))
        // Never a shorter one.
        _ = reservation.expire(.inProgress(.hours(-9)), at: now)
        #expect(reservation.leaseUntil == now + .hours(2))
    }

    /// Every order of some moves: it ends once, and what leaves the promises is what came into them.
    @Test(arguments: Reservation.Excess.allCases, Reservation.ExpiryPolicy.some)
    func `in whatever order, units are settled once`(_ excess: Reservation.Excess, _ onExpiry: Reservation.ExpiryPolicy)
        throws
    {
        let moves: [Move] = [
            .commit(2), .commit(4, room: 0), .commit(3, room: 1, fence: 1), .release(), .release(fence: 1), .takeUp,
            .lose, .hear(.used(4)), .hear(.unused),
            .hear(.inProgress(.hours(1))),
        ]
        func explore(_ reservation: Reservation, _ held: Int64, _ used: Int64, _ depth: Int) throws {
            #expect(held == (reservation.state == .held ? 3 : 0))
            #expect(used == reservation.actual ?? 0)
            guard depth > 0 else { return }
            for move in moves {
                var next = reservation
                var effect: Reservation.Effect?
                switch move {
                case .commit(let units, let room, let fence):
                    effect = try? next.commit(units, remaining: room, fence: fence)
                case .release(let fence): effect = try? next.release(fence: fence)
                case .takeUp: _ = next.takeOver(until: Self.start)
                case .lose: effect = next.expire(at: Self.start)
                case .hear(let fate, let room): effect = next.expire(fate, remaining: room, at: Self.start)
                case .extend: break
                }
                try explore(next, held - (effect?.held ?? 0), used + (effect?.used ?? 0), depth - 1)
            }
        }
        try explore(Self.reservation(Reservation.Terms(excess: excess, onExpiry: onExpiry)), 3, 0, 4)
    }

    private static func reservation(_ terms: Reservation.Terms) -> Reservation {
        let bucket = Bucket(organisation: ID(trusted: "o"), meter: "uploads", periodStart: start)
        return Reservation(
            ID(trusted: "r"), of: 3, in: bucket, operation: "test:o", fingerprint: "f", terms: terms, at: start)
    }
}

extension Reservation.ExpiryPolicy {
    /// One of each kind; nobody answers to the name.
    static let some: [Self] = [.release, .commit, .resolve("nobody")]
}
