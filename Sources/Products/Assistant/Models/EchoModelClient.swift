import Models

/// A model of the development environment without a service: it repeats the last message of the user, and says so.
struct EchoModelClient: ModelClient {
    static let model = "echo"

    func complete(_ request: ModelRequest) async throws(ModelError) -> ModelResponse {
        do {
            return try await stream(request) { _ in }
        } catch {
            throw error as? ModelError ?? ModelError(.cancelled, "The request was cancelled.")
        }
    }

    func stream(
        _ request: ModelRequest, _ use: @escaping @Sendable (ModelEvent) async throws -> Void
    ) async throws -> ModelResponse {
        let told = request.messages.last { $0.role == .user }?.text ?? ""
        let words = "This is a local echo, not a language model. You wrote: \(told)".split(separator: " ")
        let isCut = words.count > request.tokensMax
        var choices: [ModelResponse.Choice] = []
        for choice in 0..<request.count {
            var text = ""
            for (index, word) in words.prefix(request.tokensMax).enumerated() {
                guard !Task.isCancelled else { throw ModelError(.cancelled, "The request was cancelled.") }
                let part = "\(index == 0 ? "" : " ")\(word)"
                text += part
                try await use(ModelEvent(choice: choice, .text(part)))
            }
            let finish: ModelFinish = isCut ? .tokensMax : .ended
            try await use(ModelEvent(choice: choice, .finished(finish)))
            choices.append(ModelResponse.Choice(text: text, finish: finish))
        }
        let usage = ModelUsage(
            input: TokenCount.estimate(request.messages),
            output: Int64(request.count * min(words.count, request.tokensMax)))
        return ModelResponse(id: "echo", model: Self.model, choices: choices, usage: usage)
    }
}
