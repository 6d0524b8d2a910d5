import Base
import Modules
import Testing

@testable import Entitlements

/// The state transitions of ``Reservation``, on the value alone.
@Suite struct ReservationTransitionTests {
    enum Transition: Sendable {
        case commit(Int64, free: Int64 = 0, fence: Int64? = nil)
        case release(fence: Int64? = nil)
        case extend(fence: Int64? = nil)
        case expire
        /// The reservation expires, and a resolver returns the outcome of the work.
        case resolve(Reservation.Resolution, free: Int64 = 0)
    }

    /// Transitions of a reservation of three units, the final state, and the final counts of its bucket: held, used,
    /// beyond.
    struct Case: Sendable, CustomTestStringConvertible {
        let terms: Reservation.Terms
        let transitions: [Transition]
        let state: Reservation.State
        let bucket: [Int64]
        var fence: Int64 = 1
        var isFenced = false
        var testDescription: String { "\(terms.onExpiry): \(transitions) → \(state)" }

        init(
            _ transitions: Transition..., onExpiry: Reservation.ExpiryPolicy = .release, to state: Reservation.State,
            _ bucket: [Int64], fence: Int64 = 1, isFenced: Bool = false
        ) {
            terms = Reservation.Terms(onExpiry: onExpiry)
            (self.transitions, self.state, self.bucket, self.fence, self.isFenced) = (
                transitions, state, bucket, fence, isFenced
            )
        }
    }

    static let cases: [Case] = [
        // All reserved units, fewer, none.
        Case(to: .held, [3, 0, 0]),
        Case(.commit(3), to: .committed, [0, 3, 0]),
        Case(.commit(1), to: .committed, [0, 1, 0]),
        Case(.commit(0), to: .committed, [0, 0, 0]),
        // More: all fit, some fit, or the limit was reduced and the free units are negative.
        Case(.commit(5, free: 2), to: .committed, [0, 5, 0]),
        Case(.commit(5, free: 1), to: .committed, [0, 5, 1]),
        Case(.commit(5, free: -9), to: .committed, [0, 5, 2]),
        // Held units are committed, whatever the limit is now.
        Case(.commit(3, free: -9), to: .committed, [0, 3, 0]),
        Case(.release(), to: .released, [0, 0, 0]),
        // A repeated or different transition after the end changes nothing.
        Case(.commit(2), .commit(3), .release(), .expire, to: .committed, [0, 2, 0]),
        Case(.release(), .commit(3), .release(), .expire, to: .released, [0, 0, 0]),
        // Expired.
        Case(.expire, to: .expired, [0, 0, 0], fence: 2),
        Case(.expire, .expire, .extend(), to: .expired, [0, 0, 0], fence: 2),
        // A release after the expiry by the last holder, or without a fence, is final.
        Case(.expire, .release(), .commit(3, free: 9), to: .released, [0, 0, 0], fence: 2),
        Case(.expire, .release(fence: 1), .commit(3, free: 9), to: .released, [0, 0, 0], fence: 2),
        // After the expiry a release with another fence is ignored.
        Case(.expire, .release(fence: 0), .commit(3, free: 3, fence: 1), to: .committed, [0, 3, 0], fence: 3),
        Case(.expire, .release(fence: 2), to: .expired, [0, 0, 0], fence: 2),
        Case(.expire, onExpiry: .commit, to: .committed, [0, 3, 0], fence: 2),
        Case(.expire, .commit(1), onExpiry: .commit, to: .committed, [0, 3, 0], fence: 2),
        // Expired with a resolver: it is missing, or it returns an end.
        Case(.expire, onExpiry: .resolve("w"), to: .committed, [0, 3, 0], fence: 2),
        Case(
            .resolve(.used(2)), .resolve(.used(3)), .commit(3), .release(), onExpiry: .resolve("w"), to: .committed,
            [0, 2, 0],
            fence: 2),
        Case(.resolve(.used(0)), onExpiry: .resolve("w"), to: .committed, [0, 0, 0], fence: 2),
        Case(.resolve(.used(-1)), onExpiry: .resolve("w"), to: .committed, [0, 0, 0], fence: 2),
        Case(.resolve(.used(5), free: 1), onExpiry: .resolve("w"), to: .committed, [0, 5, 1], fence: 2),
        Case(.resolve(.unused), onExpiry: .resolve("w"), to: .expired, [0, 0, 0], fence: 2),
        // A commit after the resolver returned `.unused` is still charged.
        Case(.resolve(.unused), .commit(2, free: 2), onExpiry: .resolve("w"), to: .committed, [0, 2, 0], fence: 3),
        // The work goes on under the same fence.
        Case(.resolve(.inProgress(.hours(9))), onExpiry: .resolve("w"), to: .held, [3, 0, 0]),
        Case(
            .resolve(.inProgress(.hours(9))), .extend(fence: 1), .commit(3, fence: 1), onExpiry: .resolve("w"),
            to: .committed,
            [0, 3, 0]),
        Case(.resolve(.inProgress(.hours(9))), .expire, onExpiry: .resolve("w"), to: .committed, [0, 3, 0], fence: 2),
        // Without a resolver in the terms its answer is ignored.
        Case(.resolve(.used(2)), to: .expired, [0, 0, 0], fence: 2),
        Case(.resolve(.inProgress(.hours(9))), onExpiry: .commit, to: .committed, [0, 3, 0], fence: 2),
        // A late commit is admitted under a new fence, whatever fence it carries.
        Case(.expire, .commit(3, free: 3), to: .committed, [0, 3, 0], fence: 3),
        Case(.expire, .commit(2, free: 2, fence: 1), to: .committed, [0, 2, 0], fence: 3),
        Case(.expire, .commit(3, free: 1), to: .committed, [0, 3, 2], fence: 3),
        Case(.expire, .commit(3, free: -4), to: .committed, [0, 3, 3], fence: 3),
        Case(.expire, .commit(5, free: 4), to: .committed, [0, 5, 1], fence: 3),
        // Another fence than the holder's.
        Case(.commit(3, fence: 2), to: .held, [3, 0, 0], isFenced: true),
        Case(.release(fence: 2), to: .held, [3, 0, 0], isFenced: true),
        Case(.release(fence: 1), to: .released, [0, 0, 0]),
        Case(.extend(fence: 1), .commit(3, fence: 1), to: .committed, [0, 3, 0]),
    ]

    private static let start = Instant(seconds: 1_769_860_800)

    @Test(arguments: cases) func `transitions lead to the states and counts of the table`(_ testCase: Case) {
        var reservation = Self.reservation(testCase.terms)
        var bucket: [Int64] = [3, 0, 0]
        var isFenced = false
        for transition in testCase.transitions {
            let before = reservation
            var effect: Reservation.Effect?
            do {
                switch transition {
                case .commit(let units, let free, let fence):
                    effect = try reservation.commit(units, remaining: free, fence: fence)
                case .release(let fence): effect = try reservation.release(fence: fence)
                case .extend(let fence):
                    _ = reservation.extend(until: Self.start + .hours(9), fence: fence, at: Self.start)
                case .expire: effect = reservation.expire(at: Self.start)
                case .resolve(let outcome, let free):
                    effect = reservation.expire(outcome, remaining: free, at: Self.start)
                }
            } catch {
                isFenced = error.kind == .reservationLost
                #expect(reservation == before)
            }
            guard let effect else { continue }
            bucket = [bucket[0] - effect.held, bucket[1] + effect.used, bucket[2] + effect.beyond]
            #expect(effect.beyond <= effect.used)
        }
        #expect(reservation.state == testCase.state)
        #expect(reservation.fence == testCase.fence)
        #expect(bucket == testCase.bucket)
        #expect(isFenced == testCase.isFenced)
        #expect(reservation.actual == (testCase.state == .held ? nil : bucket[1]))
    }

    @Test func `a lease is only extended, and only with the current fence`() {
        var reservation = Self.reservation(Reservation.Terms(lease: .hours(6)))
        func extend(_ hours: Int64, _ fence: Int64? = nil, at now: Instant = Self.start) -> Bool {
            reservation.extend(until: Self.start + .hours(hours), fence: fence, at: now)
        }
        #expect(!extend(7, 2))
        #expect(reservation.leaseUntil == Self.start + .hours(6))
        #expect(extend(7, 1))
        #expect(extend(1))
        #expect(reservation.leaseUntil == Self.start + .hours(7))
        // Within the lease, to its last moment.
        #expect(!extend(9, 1, at: Self.start + .hours(7) + .microseconds(1)))
        #expect(extend(8, 1, at: Self.start + .hours(7)))
    }

    @Test func `work that goes on outlives its process, with an extended lease`() {
        var reservation = Self.reservation(
            Reservation.Terms(lifetime: .process, onExpiry: .resolve("w"), lease: .hours(6)))
        let now = Self.start + .hours(7)
        #expect(reservation.expire(.inProgress(.hours(2)), at: now) == Reservation.Effect())
        #expect(reservation.lifetime == .lease && reservation.leaseUntil == now + .hours(2))
        // A shorter lease changes nothing.
        _ = reservation.expire(.inProgress(.hours(-9)), at: now)
        #expect(reservation.leaseUntil == now + .hours(2))
    }

    /// All sequences of four transitions: the reservation ends once, and its units leave the held count once.
    @Test(arguments: Reservation.ExpiryPolicy.some)
    func `units are settled once in every order of transitions`(_ onExpiry: Reservation.ExpiryPolicy) throws {
        let transitions: [Transition] = [
            .commit(2), .commit(4, free: 0), .commit(3, free: 1, fence: 1), .release(), .release(fence: 1), .expire,
            .resolve(.used(4)), .resolve(.unused), .resolve(.inProgress(.hours(1))),
        ]
        func explore(_ reservation: Reservation, _ held: Int64, _ used: Int64, _ depth: Int) throws {
            #expect(held == (reservation.state == .held ? 3 : 0))
            #expect(used == reservation.actual ?? 0)
            guard depth > 0 else { return }
            for transition in transitions {
                var next = reservation
                var effect: Reservation.Effect?
                switch transition {
                case .commit(let units, let free, let fence):
                    effect = try? next.commit(units, remaining: free, fence: fence)
                case .release(let fence): effect = try? next.release(fence: fence)
                case .expire: effect = next.expire(at: Self.start)
                case .resolve(let outcome, let free): effect = next.expire(outcome, remaining: free, at: Self.start)
                case .extend: break
                }
                try explore(next, held - (effect?.held ?? 0), used + (effect?.used ?? 0), depth - 1)
            }
        }
        try explore(Self.reservation(Reservation.Terms(onExpiry: onExpiry)), 3, 0, 4)
    }

    private static func reservation(_ terms: Reservation.Terms) -> Reservation {
        let bucket = Bucket(organisation: ID(trusted: "o"), meter: "uploads", periodStart: start)
        return Reservation(
            ID(trusted: "r"), of: 3, in: bucket, operation: "test:o", fingerprint: "f", terms: terms, at: start)
    }
}

extension Reservation.ExpiryPolicy {
    /// One of each kind; no resolver is registered for the name.
    static let some: [Self] = [.release, .commit, .resolve("unknown")]
}
