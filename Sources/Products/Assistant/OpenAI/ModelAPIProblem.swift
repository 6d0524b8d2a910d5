import Entitlements
import HTTPTypes
import Modules

/// A problem in the form of OpenAI's API, or of Anthropic's, with the members `code` and `request_id` of other
/// problems.
struct ModelAPIProblem: Payload {
    /// `error`, in Anthropic's API alone.
    var type: String?
    var error: ModelAPIError
    var code: String
    var requestId: String

    static let isOpen = true

    /// In the form of OpenAI's API.
    static func openAI(_ problem: Problem, requestID: String) -> JSONValue {
        var error: [String: JSONValue] = [
            "message": .string(problem.detail ?? problem.title), "type": .string(openAIType(problem.kind)),
            "code": .string(problem.kind.code), "param": .null,
        ]
        if let pointer = problem.members["errors"]?[0]?["pointer"]?.string, !pointer.isEmpty {
            error["param"] = .string(String(pointer.dropFirst()).replacing("/", with: "."))
        }
        return body(["error": .object(error)], problem, requestID)
    }

    /// In the form of Anthropic's API.
    static func anthropic(_ problem: Problem, requestID: String) -> JSONValue {
        let error: JSONValue = [
            "type": .string(anthropicType(problem.kind)), "message": .string(problem.detail ?? problem.title),
        ]
        return body(["type": "error", "error": error], problem, requestID)
    }

    private static func body(_ own: [String: JSONValue], _ problem: Problem, _ requestID: String) -> JSONValue {
        let common: [String: JSONValue] = [
            "code": .string(problem.kind.code), "request_id": .string(requestID),
        ]
        return .object(problem.members.merging(common) { $1 }.merging(own) { $1 })
    }

    private static func openAIType(_ kind: Problem.Kind) -> String {
        if [.tokensExhausted, .quotaExceeded].contains(kind) { return "insufficient_quota" }
        return switch kind.status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 429: "rate_limit_exceeded"
        case 500...: "api_error"
        default: "invalid_request_error"
        }
    }

    private static func anthropicType(_ kind: Problem.Kind) -> String {
        switch kind.status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 503: "overloaded_error"
        case 500...: "api_error"
        default: "invalid_request_error"
        }
    }
}

/// The member `error` of a problem.
struct ModelAPIError: Codable, Sendable {
    var message: String
    var type: String
    /// The member of the body that is at fault. OpenAI's API alone.
    var param: String?
    /// OpenAI's API alone.
    var code: String?
}

extension ProblemFormat {
    /// In the form of OpenAI's API, or of Anthropic's where the request names a version of it.
    static let modelAPI = ProblemFormat(ModelAPIProblem.self) { fields in
        fields.contains(.anthropicVersion)
            ? ModelAPIProblem.anthropic(_:requestID:) : ModelAPIProblem.openAI(_:requestID:)
    }

    static let anthropic = ProblemFormat(ModelAPIProblem.self) { _ in ModelAPIProblem.anthropic(_:requestID:) }
}

extension HTTPField.Name {
    static let anthropicVersion = constant("anthropic-version")
}
