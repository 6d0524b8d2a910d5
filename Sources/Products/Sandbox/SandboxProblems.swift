import AWS
import Modules

extension Problem.Kind {
    static let sandboxSessionNotFound = Self("sandbox-session-not-found", "Session not found", status: 404)
    static let sessionExpired = Self("session-expired", "Session has expired", status: 410)
    static let evaluationInProgress = Self(
        "evaluation-in-progress", "An evaluation of this session is under way", status: 409)
    static let moveInProgress = Self("move-in-progress", "The instance is being replaced", status: 409)
    static let credentialsRefused = Self("aws-credentials-refused", "AWS refused the credentials", status: 422)
    static let instanceNotFound = Self("instance-not-found", "Instance not found", status: 404)
    static let instanceMismatch = Self(
        "instance-mismatch", "The instance is of another type or in another zone", status: 422)
    static let labModelNotFound = Self("lab-model-not-found", "Model not found", status: 404)
    static let archiveNotFound = Self("archive-not-found", "Archive not found", status: 404)
}

extension Problem {
    /// The refusal of credentials by AWS, with its reason. It contains no key.
    static func refused(_ error: AWSError) -> Problem {
        var members: [String: JSONValue] = ["reason": .string(error.message)]
        if let code = error.code { members["aws_code"] = .string(code) }
        return Problem(.credentialsRefused, detail: "\(error.message) \(error.advice)", members: members)
    }
}

extension AWSError {
    /// Whether AWS answered that the credentials are of no use: the owner has to send others.
    var refusesCredentials: Bool {
        switch kind {
        case .credentialsRefused, .credentialsExpired, .notAuthorized: true
        default: false
        }
    }
}
