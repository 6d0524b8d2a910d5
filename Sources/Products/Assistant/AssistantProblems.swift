import Modules

extension Problem.Kind {
    static let assistantSessionNotFound = Self("assistant-session-not-found", "Session not found", status: 404)
    static let assistantProjectNotFound = Self("assistant-project-not-found", "Project not found", status: 404)
    static let assistantLimit = Self("assistant-limit", "There are as many as there may be", status: 409)
    static let modelNotFound = Self("assistant-model-not-found", "There is no such model", status: 404)
    static let tokensExhausted = Self("tokens-exhausted", "Token limit reached", status: 403)
    static let turnInProgress = Self("turn-in-progress", "The session is answering already", status: 409)
    static let sessionFull = Self("session-full", "The session has as many messages as it may have", status: 409)
    static let sessionArchived = Self("session-archived", "The session is archived", status: 409)
    static let modelRefused = Self("model-refused", "The model's service does not accept the request", status: 400)
    static let modelFailed = Self("model-failed", "The model's service did not answer", status: 502)
}
