package import Base
import HTTPTypes
import Synchronization
package import Telemetry
package import Web

/// A limit as headers and metrics show it: a name and its rates. It is made once and shared by all requests.
package final class RatePolicy: Sendable {
    /// From the program or the catalogue, never from a client.
    package let name: String
    package let rates: Rates
    /// The key of its state in the store: the name and the windows, so that rates with other windows start with empty
    /// state.
    let key: String
    /// The names of the rates in headers: the name of the policy where it has one rate.
    let itemNames: [String]
    /// The items of `RateLimit-Policy`.
    let items: String

    package init(_ name: String, _ rates: Rates) {
        self.name = name
        self.rates = rates
        key = name + ":" + rates.all.map(\.windowName).joined(separator: "+")
        let itemNames = rates.all.map { rates.all.count == 1 ? name : "\(name)-\($0.windowName)" }
        self.itemNames = itemNames
        items = zip(itemNames, rates.all).map { name, rate in
            "\"\(name)\";q=\(rate.limit);w=\(max(1, rate.window / 1_000_000))"
        }.joined(separator: ", ")
    }
}

/// Checks requests against rates and reports the state of the rates in response headers.
package final class RateLimiter: Sendable {
    private struct Counters {
        var allowed: [String: Metrics.Counter] = [:]
        var refused: [String: Metrics.Counter] = [:]
    }

    private static let checksName = "gatehouse_rate_checks_total"

    let store: any RateStore
    let metrics: Metrics
    /// False: no units are taken and no request is refused.
    package let isEnabled: Bool
    /// The counters by the name of the limit, so that a check formats no labels.
    private let counters = Mutex(Counters())

    package init(store: any RateStore, metrics: Metrics, isEnabled: Bool = true) {
        self.store = store
        self.metrics = metrics
        self.isEnabled = isEnabled
        metrics.describe(Self.checksName, "Requests checked against a rate, by the limit's name and the outcome.")
    }

    /// Takes `cost` units for a request. The state of the rates is added to its response, whatever its status is. A dry
    /// run takes no units; the state before it is recorded in ``Web/Request/rateLimitStatuses``.
    /// - Parameter subject: what is limited, such as a network or an organisation; not secret.
    /// - Throws: `rate-limited`, with the time to wait.
    package func take(_ cost: Int64 = 1, of policy: RatePolicy, from subject: String, for request: Request)
        async throws(Problem)
    {
        guard isEnabled else { return }
        let key = RateKey(limit: policy.key, subject: subject)
        guard !request.isDryRun else {
            let decision = await store.peek(cost, from: key, under: policy.rates)
            let statuses = request.rateLimitStatuses + RateLimitStatus.all(of: policy, decision)
            request.context.set(RateLimitStatuses(all: statuses))
            if !decision.isAllowed { throw refusal(decision.wait(under: policy.rates), policy) }
            return
        }
        let decision = await store.take(cost, from: key, under: policy.rates)
        count(decision, of: policy)
        var rateLimitFields = request.context.value(of: RateLimitFields.self) ?? RateLimitFields()
        rateLimitFields.add(policy, decision, received: request.received)
        request.context.set(rateLimitFields)
        request.context.set(ResponseFields(rateLimitFields.fields))
        if !decision.isAllowed { throw refusal(decision.wait(under: policy.rates), policy) }
    }

    /// Takes a unit of a limit that the client must not see: neither header fields nor a problem show its state.
    /// - Returns: false where none is left.
    package func takeUnseen(of policy: RatePolicy, from subject: String) async -> Bool {
        await takeOrWait(of: policy, from: subject) == nil
    }

    /// Takes units of a limit that no request is checked against, such as one of the calls that jobs make.
    /// - Returns: nil where they were taken; else the time until they are available.
    package func takeOrWait(_ cost: Int64 = 1, of policy: RatePolicy, from subject: String) async -> Duration? {
        guard isEnabled else { return nil }
        let decision = await store.take(cost, from: RateKey(limit: policy.key, subject: subject), under: policy.rates)
        count(decision, of: policy)
        return decision.isAllowed ? nil : .microseconds(decision.wait(under: policy.rates))
    }

    private func count(_ decision: RateDecision, of policy: RatePolicy) {
        counter(of: policy, isAllowed: decision.isAllowed).increment()
    }

    private func counter(of policy: RatePolicy, isAllowed: Bool) -> Metrics.Counter {
        counters.withLock { counters in
            if let known = isAllowed ? counters.allowed[policy.name] : counters.refused[policy.name] { return known }
            let counter = metrics.counter(
                Self.checksName, [("limit", policy.name), ("outcome", isAllowed ? "allowed" : "refused")])
            if isAllowed { counters.allowed[policy.name] = counter } else { counters.refused[policy.name] = counter }
            return counter
        }
    }

    private func refusal(_ wait: Int64, _ policy: RatePolicy) -> Problem {
        let allowed = policy.rates.all.map { "\($0.limit) per \($0.windowName)" }.joined(separator: " and ")
        let seconds = max(1, wait.wholeSeconds)
        return Problem(
            .rateLimited,
            detail: Problem.Kind.rateLimited.title,
            members: ["limit": .string(allowed), "retry_after": .integer(seconds)],
            headers: ["Retry-After": String(seconds)]
        )
    }
}

/// The state of one of the rates that a request is checked against.
package struct RateLimitStatus: Sendable, Hashable {
    /// As in the header fields.
    package let name: String
    package let limit: Int64
    package let windowSeconds: Int64
    package let remaining: Int64
    /// Seconds until the whole burst is available again, rounded up.
    package let secondsUntilReset: Int64

    fileprivate static func all(of policy: RatePolicy, _ decision: RateDecision) -> [RateLimitStatus] {
        policy.rates.all.enumerated().map { index, rate in
            RateLimitStatus(
                name: policy.itemNames[index],
                limit: rate.limit,
                windowSeconds: max(1, rate.window / 1_000_000),
                remaining: decision.remaining(of: index, under: policy.rates),
                secondsUntilReset: decision.timeUntilReset(index).wholeSeconds
            )
        }
    }
}

private struct RateLimitStatuses: Sendable {
    let all: [RateLimitStatus]
}

extension Request {
    /// The rates that a dry run was checked against so far, without taking units.
    package var rateLimitStatuses: [RateLimitStatus] { context.value(of: RateLimitStatuses.self)?.all ?? [] }
}

/// The rates that a request was checked against, as header fields.
struct RateLimitFields: Sendable {
    private var policies = ""
    private var states: [UInt8] = []
    private var tightest: (limit: Int64, remaining: Int64, reset: Int64)?

    mutating func add(_ policy: RatePolicy, _ decision: RateDecision, received: Instant) {
        policies = policies.isEmpty ? policy.items : "\(policies), \(policy.items)"
        for (index, rate) in policy.rates.all.enumerated() {
            let remaining = decision.remaining(of: index, under: policy.rates)
            let timeUntilReset = decision.timeUntilReset(index)
            if !states.isEmpty { states.append(contentsOf: ", ".utf8) }
            states.append(contentsOf: "\"".utf8)
            states.append(contentsOf: policy.itemNames[index].utf8)
            states.append(contentsOf: "\";r=".utf8)
            states.append(decimal: remaining)
            states.append(contentsOf: ";t=".utf8)
            states.append(decimal: timeUntilReset.wholeSeconds)
            if tightest.map({ remaining < $0.remaining }) ?? true {
                tightest = (rate.limit, remaining, (received + .microseconds(timeUntilReset)).microseconds.wholeSeconds)
            }
        }
    }

    /// The fields of draft-ietf-httpapi-ratelimit-headers, with an item per rate, and the older `X-RateLimit-…` fields,
    /// which describe one rate: the one with the fewest remaining units. `t` (seconds) and `X-RateLimit-Reset` (seconds
    /// since 1970) are the time at which the whole burst is available again.
    var fields: [(name: HTTPField.Name, value: String)] {
        let policy: (name: HTTPField.Name, value: String) = (.rateLimitPolicy, policies)
        let state: (name: HTTPField.Name, value: String) = (.rateLimit, String(decoding: states, as: UTF8.self))
        guard let tightest else { return [policy, state] }
        return [
            policy, state, (.xRateLimitLimit, String(tightest.limit)),
            (.xRateLimitRemaining, String(tightest.remaining)), (.xRateLimitReset, String(tightest.reset)),
        ]
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
