import Base

/// What happens to requests instead of the right response.
package struct TestStripeFault: Sendable {
    package enum Kind: Sendable {
        /// The connection is closed before anything is done.
        case lostBeforeEffect
        /// The connection is closed after it is done.
        case lostAfterEffect
        /// 500, and nothing is done or kept: a repetition is executed.
        case serverError
        /// 500 after it is done; repetitions with the same key get the 500 again.
        case serverErrorAfterEffect
        /// 429, and nothing is done.
        case rateLimited
        /// 409: a request with the same key is being executed.
        case keyInUse
        /// A refusal, and nothing is done. It is not kept.
        case refused(status: Int, type: String, code: String?)
        /// It is done, and the response is held back. Meanwhile its key is in use.
        case held(TestStripeHold)
        /// It is done, and the second half of the response is held back.
        case halfHeld(TestStripeHold)
        /// It is done, and the response is no JSON.
        case unreadable
        /// It is done, and the response is the object under this id, which is another's.
        case renamed(String)
    }

    package let kind: Kind
    /// Nil for every method.
    package let method: String?
    /// The beginning of the paths that it concerns.
    package let path: String
    /// Requests that it leaves alone before.
    var skipped: Int
    /// Requests that it concerns.
    var rest: Int

    /// The response of a fault without an effect; nil for others.
    var responseInstead: TestStripeResponse? {
        switch kind {
        case .lostBeforeEffect:
            var response = TestStripeError.serverError.response
            response.delivery = .lost
            return response
        case .serverError: return TestStripeError.serverError.response
        case .rateLimited:
            return TestStripeError(
                status: 429, code: "rate_limit", message: "Request rate limit exceeded.", isKept: false
            ).response
        case .keyInUse: return TestStripeError.keyInUse.response
        case .refused(let status, let type, let code):
            return TestStripeError(status: status, type: type, code: code, message: "Refused by a fault.").response
        case .lostAfterEffect, .serverErrorAfterEffect, .held, .halfHeld, .unreadable, .renamed: return nil
        }
    }
}

/// Faults of a share of all requests with an effect, the same ones for the same seed and order of requests.
struct TestStripeRandomFaults {
    private static let kinds: [@Sendable () -> TestStripeFault.Kind] = [
        { .lostBeforeEffect }, { .lostAfterEffect }, { .serverError }, { .rateLimited }, { .keyInUse },
        { .unreadable }, { .held(TestStripeHold(for: .milliseconds(5))) },
    ]

    /// In thousandths.
    let share: UInt64
    private var state: UInt64

    init(thousandths share: UInt64, seed: UInt64) {
        self.share = share
        state = seed
    }

    mutating func next(_ request: TestStripeRequest) -> TestStripeFault? {
        let number = random()
        guard request.method != "GET", number % 1_000 < share else { return nil }
        let kind = Self.kinds[Int(random() % UInt64(Self.kinds.count))]()
        return TestStripeFault(kind: kind, method: nil, path: "", skipped: 0, rest: 1)
    }

    /// SplitMix64.
    private mutating func random() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

extension TestStripeState {
    /// The fault that concerns a request, which is one less afterwards.
    mutating func takeFault(for request: TestStripeRequest) -> TestStripeFault? {
        let path = "/" + request.segments.joined(separator: "/")
        for index in faults.indices {
            guard faults[index].method ?? request.method == request.method, path.hasPrefix(faults[index].path) else {
                continue
            }
            guard faults[index].skipped == 0 else {
                faults[index].skipped -= 1
                continue
            }
            faults[index].rest -= 1
            let fault = faults[index]
            if fault.rest == 0 { faults.remove(at: index) }
            return fault
        }
        return randomFaults?.next(request)
    }
}
