import Base

/// A refusal, as Stripe's error object tells it.
struct TestStripeError: Error {
    var status = 400
    var type = "invalid_request_error"
    var code: String?
    var declineCode: String?
    var param: String?
    var message: String
    var paymentIntent: Members?
    /// Whether a repetition with the same key gets the same response. Stripe keeps no result of a request that it did
    /// not begin to execute.
    var isKept = true

    static func invalid(_ param: String?, _ message: String, code: String? = nil) -> TestStripeError {
        TestStripeError(code: code, param: param, message: message, isKept: false)
    }

    static func parameterMissing(_ param: String) -> TestStripeError {
        invalid(param, "Missing required param: \(param).", code: "parameter_missing")
    }

    static func parameterUnknown(_ param: String) -> TestStripeError {
        invalid(param, "Received unknown parameter: \(param)", code: "parameter_unknown")
    }

    static func missing(_ object: String, _ id: String, param: String = "id") -> TestStripeError {
        TestStripeError(
            status: param == "id" ? 404 : 400, code: "resource_missing", param: param,
            message: "No such \(object): '\(id)'")
    }

    static func refused(_ message: String, code: String? = nil, param: String? = nil) -> TestStripeError {
        TestStripeError(code: code, param: param, message: message)
    }

    static func declined(_ decline: TestStripeDecline, paymentIntent: Members?) -> TestStripeError {
        TestStripeError(
            status: 402, type: "card_error", code: decline.code, declineCode: decline.declineCode,
            message: decline.message, paymentIntent: paymentIntent)
    }

    static let serverError = TestStripeError(
        status: 500, type: "api_error", message: "An unknown error occurred.", isKept: false)

    var response: TestStripeResponse {
        var members: Members = ["type": .string(type), "message": .string(message)]
        if let code { members["code"] = .string(code) }
        if let declineCode { members["decline_code"] = .string(declineCode) }
        if let param { members["param"] = .string(param) }
        if let paymentIntent { members["payment_intent"] = .object(paymentIntent) }
        return TestStripeResponse(status: status, ["error": .object(members)])
    }
}

/// Why a card is declined.
struct TestStripeDecline: Sendable {
    let code: String
    let declineCode: String?
    let message: String
}
