package import Base
import HTTPTypes
package import Telemetry
package import Web

/// A limit as it stands in headers and metrics: a name, and the rates that hold under it.
package struct RatePolicy: Sendable, Hashable {
    /// From the program or the catalogue, never from a client.
    package let name: String
    package let rates: Rates
    /// What its state is kept under: the name, and the windows, so that rates with other windows begin anew.
    let key: String

    package init(_ name: String, _ rates: Rates) {
        self.name = name
        self.rates = rates
        key = name + ":" + rates.all.map(\.windowName).joined(separator: "+")
    }

    /// The name of one of the rates in headers: the policy's own where there is but one.
    func itemName(_ index: Int) -> String { rates.all.count == 1 ? name : "\(name)-\(rates.all[index].windowName)" }
}

/// Holds calls against rates, and tells their senders how they stand.
package struct RateLimiter: Sendable {
    let store: any RateStore
    let metrics: Metrics
    /// Without it nothing is counted and nobody refused.
    package let isEnabled: Bool

    package init(store: any RateStore, metrics: Metrics, isEnabled: Bool = true) {
        self.store = store
        self.metrics = metrics
        self.isEnabled = isEnabled
        metrics.describe(
            "gatehouse_rate_checks_total", "Calls held against a rate, by the limit's name and whether they passed.")
    }

    /// Takes `cost` units for a call; how the rates stand is added to its answer, however it ends. A call that is a rehearsal takes nothing, and is
    /// told how they stand before it (``Web/Request/rateStandings``).
    /// - Parameter subject: who is limited; not secret.
    /// - Throws: `rate-limited`, with the time to wait.
    package func take(_ cost: Int64 = 1, of policy: RatePolicy, from subject: String, for call: Request)
        async throws(Problem)
    {
        guard isEnabled else { return }
        let key = RateKey(limit: policy.key, subject: subject)
        guard !call.isDryRun else {
            let verdict = await store.look(cost, at: key, under: policy.rates)
            call.context.set(RateLimitStatuses(all: call.rateStandings + RateLimitStatus.all(of: policy, verdict)))
            if !verdict.isAdmitted { throw refusal(verdict.wait(under: policy.rates), policy) }
            return
        }
        let verdict = await store.take(cost, from: key, under: policy.rates)
        metrics.increment(
            "gatehouse_rate_checks_total",
            [("limit", policy.name), ("outcome", verdict.isAdmitted ? "allowed" : "refused")])
        var report = call.context.value(of: RateReport.self) ?? RateReport()
        report.add(policy, verdict, received: call.received)
        call.context.set(report)
        call.context.set(ResponseFields(report.fields))
        if !verdict.isAdmitted { throw refusal(verdict.wait(under: policy.rates), policy) }
    }

    private func refusal(_ wait: Int64, _ policy: RatePolicy) -> Problem {
        let allowed = policy.rates.all.map { "\($0.limit) per \($0.windowName)" }.joined(separator: " and ")
        let seconds = max(1, wait.wholeSeconds)
        return Problem(
            .rateLimited,
            detail: "\(allowed) are allowed here. This call passes in \(seconds) s.",
            headers: ["Retry-After": String(seconds)]
        )
    }
}

/// How one of the rates stands that a call is held against.
package struct RateLimitStatus: Sendable, Hashable {
    /// As in header fields.
    package let name: String
    package let limit: Int64
    package let windowSeconds: Int64
    package let remaining: Int64
    /// Seconds until it is whole again, rounded up.
    package let secondsUntilWhole: Int64

    fileprivate static func all(of policy: RatePolicy, _ verdict: RateVerdict) -> [RateLimitStatus] {
        policy.rates.all.enumerated().map { index, rate in
            RateLimitStatus(
                name: policy.itemName(index),
                limit: rate.limit,
                windowSeconds: max(1, rate.window / 1_000_000),
                remaining: verdict.remaining(of: index, under: policy.rates),
                secondsUntilWhole: verdict.untilWhole(index).wholeSeconds
            )
        }
    }
}

private struct RateLimitStatuses: Sendable {
    let all: [RateLimitStatus]
}

extension Request {
    /// The rates that a rehearsal was held against so far, and that it took nothing from.
    package var rateStandings: [RateLimitStatus] { context.value(of: RateLimitStatuses.self)?.all ?? [] }
}

/// How the rates that a call was held against stand, in the words of header fields.
struct RateReport: Sendable {
    private var policies: [String] = []
    private var states: [String] = []
    private var tightest: (limit: Int64, remaining: Int64, reset: Int64)?

    mutating func add(_ policy: RatePolicy, _ verdict: RateVerdict, received: Instant) {
        for (index, rate) in policy.rates.all.enumerated() {
            let remaining = verdict.remaining(of: index, under: policy.rates)
            let untilWhole = verdict.untilWhole(index)
            let name = policy.itemName(index)
            policies.append("\"\(name)\";q=\(rate.limit);w=\(max(1, rate.window / 1_000_000))")
            states.append("\"\(name)\";r=\(remaining);t=\(untilWhole.wholeSeconds)")
            if tightest.map({ remaining < $0.remaining }) ?? true {
                tightest = (rate.limit, remaining, (received + .microseconds(untilWhole)).microseconds.wholeSeconds)
            }
        }
    }

    /// The fields of the IETF's draft (draft-ietf-httpapi-ratelimit-headers), with an item for each rate, and those that came before
    /// it, which know one rate only: the one with the least left. `t` and `X-RateLimit-Reset`, which is seconds since 1970, say when the rate is whole again.
    var fields: [(name: HTTPField.Name, value: String)] {
        var fields = [
            (HTTPField.Name.rateLimitPolicy, policies.joined(separator: ", ")),
            (.rateLimit, states.joined(separator: ", ")),
        ]
        if let tightest {
            fields.append((.xRateLimitLimit, String(tightest.limit)))
            fields.append((.xRateLimitRemaining, String(tightest.remaining)))
            fields.append((.xRateLimitReset, String(tightest.reset)))
        }
        return fields
    }
}

extension Problem.Kind {
    package static let rateLimited = Self("rate-limited", "Rate limit exceeded. Please try again later.", status: 429)
}

extension HTTPField.Name {
    fileprivate static let rateLimit = constant("RateLimit")
    fileprivate static let rateLimitPolicy = constant("RateLimit-Policy")
    fileprivate static let xRateLimitLimit = constant("X-RateLimit-Limit")
    fileprivate static let xRateLimitRemaining = constant("X-RateLimit-Remaining")
    fileprivate static let xRateLimitReset = constant("X-RateLimit-Reset")
}
