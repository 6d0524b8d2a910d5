import Base
import Stripe

extension TestStripeState {
    /// Stripe keeps keys for 24 hours at least.
    private static let keyLifetime: Duration = .hours(24)

    mutating func respond(to request: TestStripeRequest) -> TestStripeResponse {
        catchUp()
        guard let (route, ids) = TestStripeRoute.find(request) else {
            let path = "/" + request.segments.joined(separator: "/")
            return TestStripeError.invalid(nil, "Unrecognized request URL (\(request.method): \(path)).").with(404)
        }
        let fault = takeFault(for: request)
        if let response = fault?.responseInstead { return response }
        var response = executed(request, route, ids, fault)
        recorder.record(request, route, response)
        switch fault?.kind {
        case .lostAfterEffect: response.delivery = .lost
        case .held(let hold): response.delivery = .held(hold)
        case .halfHeld(let hold): response.delivery = .halfHeld(hold)
        case .unreadable:
            response.body = Array("<html>".utf8)
            response.contentType = "text/html"
        case .renamed(let id):
            guard var object = (try? JSONValue(parsing: response.body))?.object else { break }
            object["id"] = .string(id)
            response.body = []
            response.body.append(json: .object(object))
        case nil where settings.responseTime > .zero: response.delivery = .after(settings.responseTime)
        default: break
        }
        return response
    }

    private mutating func executed(
        _ request: TestStripeRequest, _ route: TestStripeRoute, _ ids: [String], _ fault: TestStripeFault?
    ) -> TestStripeResponse {
        requestID = newID("req")
        requestKey = request.method == "POST" ? request.idempotencyKey : nil
        defer { (requestID, requestKey) = (nil, nil) }
        do throws(TestStripeError) {
            try checkHeaders(of: request)
            guard let key = requestKey.map({ "\(request.account ?? "") \($0)" }) else {
                return TestStripeResponse(status: 200, try result(of: request, route, ids))
            }
            if let kept = keys[key], time - kept.created < Self.keyLifetime {
                return try kept.response(to: request.fingerprint)
            }
            return try executedOnce(request, route, ids, key, fault)
        } catch {
            return error.response
        }
    }

    private mutating func executedOnce(
        _ request: TestStripeRequest, _ route: TestStripeRoute, _ ids: [String], _ key: String,
        _ fault: TestStripeFault?
    ) throws(TestStripeError) -> TestStripeResponse {
        var response: TestStripeResponse
        do throws(TestStripeError) {
            response = TestStripeResponse(status: 200, try result(of: request, route, ids))
        } catch {
            guard error.isKept else { throw error }
            response = error.response
        }
        if case .serverErrorAfterEffect = fault?.kind { response = TestStripeError.serverError.response }
        keys[key] = TestStripeKey(created: time, fingerprint: request.fingerprint, kept: response)
        if case .held(let hold) = fault?.kind { keys[key]?.hold = hold }
        return response
    }

    private func checkHeaders(of request: TestStripeRequest) throws(TestStripeError) {
        guard request.authorization == "Bearer \(secretKey)" else {
            throw TestStripeError(status: 401, message: "Invalid API Key provided.", isKept: false)
        }
        guard request.version == StripeClient.apiVersion else {
            throw .invalid(nil, "Invalid Stripe API version: \(request.version ?? "none")")
        }
        guard request.idempotencyKey?.utf8.count ?? 0 <= 255 else {
            throw .invalid(nil, "The idempotency key has more than 255 characters.")
        }
        if let account = request.account, tables["account"]?[account] == nil {
            throw TestStripeError(
                status: 403, code: "account_invalid",
                message: "The provided key does not have access to account '\(account)'.", isKept: false)
        }
    }

    private mutating func result(of request: TestStripeRequest, _ route: TestStripeRoute, _ ids: [String])
        throws(TestStripeError) -> JSONValue
    {
        let form = try TestStripeForm(request.fields)
        for name in form.names where name != "expand" && !route.parameters.contains(name) {
            throw .parameterUnknown(name)
        }
        let value = try route.handle(&self, TestStripeCall(ids: ids, form: form, account: request.account))
        return try expanded(value, form.texts("expand"))
    }

    // MARK: Expansion

    private func expanded(_ value: JSONValue, _ paths: [String]) throws(TestStripeError) -> JSONValue {
        var value = value
        for path in paths {
            value = try expanded(value, path.split(separator: ".").map(String.init)[...])
        }
        return value
    }

    private func expanded(_ value: JSONValue, _ path: ArraySlice<String>) throws(TestStripeError) -> JSONValue {
        guard let name = path.first else { return value }
        if let elements = value.array {
            var result: [JSONValue] = []
            for element in elements { result.append(try expanded(element, path)) }
            return .array(result)
        }
        guard var members = value.object else { return value }
        if name == "confirmation_secret", members.text("object") == "invoice" {
            members[name] = confirmationSecret(of: members.text("id") ?? "")
            return .object(members)
        }
        guard let member = members[name] else {
            throw .invalid("expand", "This property cannot be expanded (\(name)).")
        }
        let object = member.string.flatMap { self.object(withID: $0) }.map { JSONValue.object($0) } ?? member
        members[name] = try expanded(object, path.dropFirst())
        return .object(members)
    }

    private func object(withID id: String) -> Members? {
        for table in tables.values { if let object = table[id] { return object } }
        return nil
    }
}

/// What a request with an idempotency key came to.
struct TestStripeKey {
    let created: Instant
    let fingerprint: String
    let kept: TestStripeResponse
    /// Of the response to the first request. Until it is released, the key is in use.
    var hold: TestStripeHold?

    init(created: Instant, fingerprint: String, kept: TestStripeResponse) {
        self.created = created
        self.fingerprint = fingerprint
        self.kept = kept
    }

    func response(to fingerprint: String) throws(TestStripeError) -> TestStripeResponse {
        guard fingerprint == self.fingerprint else {
            throw TestStripeError(
                type: "idempotency_error",
                message: "Keys for idempotent requests can only be used with the same parameters they were first used "
                    + "with.", isKept: false)
        }
        if let hold, !hold.isReleased { throw .keyInUse }
        var response = kept
        response.headers.append(("Idempotent-Replayed", "true"))
        return response
    }
}

extension TestStripeError {
    static let keyInUse = TestStripeError(
        status: 409, type: "idempotency_error", code: "idempotency_key_in_use",
        message: "There is currently another in-progress request using this idempotency key.", isKept: false)

    func with(_ status: Int) -> TestStripeResponse {
        var error = self
        error.status = status
        return error.response
    }
}
