package import Base
package import Outbound

/// Sends requests to Stripe's API with a pinned version. A request with an effect is sent once: its owner sends it
/// again, with the same key and the same fields. Reading is repeated.
package final class StripeClient: Sendable {
    /// The version of the API whose shapes this client reads and writes.
    package static let apiVersion = "2026-10-28.endive"

    /// Attempts of a request that only reads.
    static let readAttemptsMax = 3
    /// The wait before the second attempt; the one before the third is four times as long. Both vary by half.
    static let readPause: Duration = .milliseconds(200)
    /// A page of 100 events has about 1 MB.
    static let responseBytesMax = 8 << 20

    private let settings: StripeSettings
    private let outbound: OutboundClient
    private let pause: @Sendable (Duration) async throws -> Void

    /// - Parameter pause: waits between attempts; tests replace it.
    package init(
        settings: StripeSettings,
        outbound: OutboundClient,
        pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.settings = settings
        self.outbound = outbound
        self.pause = pause
    }

    /// Whether the key moves money; nil for a key whose text does not tell.
    package var mode: StripeKeyMode? { StripeKeyMode(key: settings.secretKey) }

    /// Sends a request once.
    /// - Parameter key: the idempotency key, 1 to 255 characters. Stripe keeps it for 24 hours at least, and only of a
    ///   POST: a DELETE that is repeated after its effect is refused as missing.
    /// - Precondition: a POST has a key.
    package func send(_ request: StripeRequest, key: String?) async -> StripeOutcome {
        precondition(request.method != .post || key?.isEmpty == false, "a POST needs an idempotency key")
        let response: OutboundResponse
        do throws(OutboundFailure) {
            response = try await outbound.send(converted(request, key: key))
        } catch {
            return .unknown(reason: removingKey("no response: \(error)"))
        }
        return outcome(of: response)
    }

    /// Reads an object. Stripe's failures are repeated.
    /// - Parameter id: of the object that is asked for; nil for one without an id.
    /// - Precondition: the request is a GET.
    /// - Throws: `unreadable` also for a response that is another object.
    package func fetch<Object: StripeObject>(
        _ request: StripeRequest, id: String? = nil, as _: Object.Type = Object.self
    ) async throws(StripeFetchFailure) -> Object {
        let value = try await fetch(request, id: id)
        do throws(StripeObjectFault) { return try Object(value) } catch { throw .unreadable(error) }
    }

    /// Reads an object of any type. What another object says is not taken for the one that is asked for.
    /// - Parameter id: of the object that is asked for; nil for what has none, such as a list.
    package func fetch(_ request: StripeRequest, id: String? = nil) async throws(StripeFetchFailure) -> JSONValue {
        let value = try await read(request)
        guard id == nil || value["id"]?.string == id else {
            throw .unreadable(StripeObjectFault(object: value["object"]?.string ?? "object", member: "id"))
        }
        return value
    }

    private func read(_ request: StripeRequest) async throws(StripeFetchFailure) -> JSONValue {
        precondition(request.method == .get, "only reading is repeated")
        var wait = Self.readPause
        var attempt = 1
        while true {
            switch await send(request, key: nil) {
            case .done(let value): return value
            case .refused(let refusal): throw .refused(refusal)
            case .unknown(let reason):
                guard attempt < Self.readAttemptsMax else { throw .unavailable(reason: reason) }
                do { try await pause(wait * Double.random(in: 0.5...1.5)) } catch {
                    throw .unavailable(reason: "cancelled")
                }
                wait *= 4
                attempt += 1
            }
        }
    }

    /// Reads a page of a list.
    package func page<Element: StripeObject>(_ request: StripeRequest, of _: Element.Type)
        async throws(StripeFetchFailure) -> StripeList<Element>
    {
        let value = try await fetch(request)
        do throws(StripeObjectFault) { return try StripeList(value) } catch { throw .unreadable(error) }
    }

    /// Reads a list from its newest element, page by page.
    /// - Parameters:
    ///   - countMax: pages are read until there are as many elements; ``StripeList/hasMore`` tells that there are more.
    ///   - request: makes the request of a page.
    package func list<Element: StripeObject>(
        of _: Element.Type, countMax: Int = 10_000, _ request: (StripePage) -> StripeRequest
    ) async throws(StripeFetchFailure) -> StripeList<Element> {
        var elements: [Element] = []
        var page = StripePage()
        while true {
            let next = try await self.page(request(page), of: Element.self)
            elements += next.elements
            // A page that is empty, or that names itself as the next one, would be read for ever.
            guard next.hasMore, elements.count < countMax, let last = next.lastID, last != page.startingAfter else {
                return StripeList(elements, hasMore: next.hasMore, firstID: nil, lastID: next.lastID)
            }
            page.startingAfter = last
        }
    }

    // MARK: One exchange

    private func converted(_ request: StripeRequest, key: String?) -> OutboundRequest {
        var url = settings.base + request.path
        var headers = [
            (name: "Authorization", value: "Bearer \(settings.secretKey)"),
            (name: "Stripe-Version", value: Self.apiVersion),
            (name: "User-Agent", value: "gatehouse"),
        ]
        if let account = request.account { headers.append((name: "Stripe-Account", value: account)) }
        var body: OutboundBody?
        if request.method == .post {
            if let key { headers.append((name: "Idempotency-Key", value: key)) }
            headers.append((name: "Content-Type", value: "application/x-www-form-urlencoded"))
            body = .bytes(Array(request.form.encoded.utf8))
        } else if !request.form.fields.isEmpty {
            url += "?\(request.form.encoded)"
        }
        return OutboundRequest(
            request.method.rawValue, url, headers: headers, body: body, timeout: settings.timeout,
            responseBytesMax: Self.responseBytesMax)
    }

    /// A refusal is definite only where Stripe itself decided about this very request. That is not so
    /// - for 401 and 403, which Stripe decides by the secret key before it looks the idempotency key up: an earlier
    ///   attempt may have had its effect;
    /// - for 409, where another request with the same key is being executed;
    /// - for an `idempotency_error`, where the key belongs to a request with other fields, as after a restored backup;
    /// - for 429, where Stripe has done nothing: the same request can be sent again;
    /// - for a response without Stripe's error object, such as one of a proxy.
    private func outcome(of response: OutboundResponse) -> StripeOutcome {
        let status = response.status
        guard let body = try? JSONValue(parsing: response.body), body.object != nil else {
            return .unknown(reason: "status \(status) without readable JSON")
        }
        if (200..<300).contains(status) { return .done(body) }
        let refusal = StripeRefusal(status: status, body: body, removing: settings.secretKey)
        guard let refusal, (400..<500).contains(status), ![401, 403, 409, 429].contains(status),
            refusal.type != "idempotency_error", refusal.type != "api_error"
        else {
            return .unknown(reason: refusal.map { "\($0)" } ?? "status \(status)")
        }
        return .refused(refusal)
    }

    private func removingKey(_ text: String) -> String {
        String(text.replacing(settings.secretKey, with: "…").prefix(500))
    }
}
