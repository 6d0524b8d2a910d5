import Base

/// Anthropic's Messages API, version 2023-06-01.
package struct AnthropicClient: ModelClient {
    let transport: ModelTransport

    package func complete(_ request: ModelRequest) async throws(ModelError) -> ModelResponse {
        let first = try await one(request)
        // The API has no number of answers.
        guard request.count > 1 else { return first }
        let others: [ModelResponse]
        do {
            others = try await withThrowingTaskGroup(of: ModelResponse.self) { group in
                for _ in 1..<request.count { group.addTask { try await one(request) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        } catch {
            throw error as? ModelError ?? ModelError(.cancelled, "The request was cancelled.")
        }
        return Self.merged([first] + others)
    }

    /// Several answers are streamed one after another, all within the time of the request.
    /// - Throws: ``ModelError`` with the tokens of all answers so far; what `use` throws.
    package func stream(
        _ request: ModelRequest, _ use: @escaping @Sendable (ModelEvent) async throws -> Void
    ) async throws -> ModelResponse {
        var responses: [ModelResponse] = []
        let deadline = ContinuousClock.now + request.timeout
        for choice in 0..<request.count {
            var one = request
            one.timeout = deadline - .now
            do {
                let response = try await transport.stream(
                    try call(one, stream: true), AnthropicStreamDecoder(one, key: transport.upstream.key)
                ) {
                    try await use(ModelEvent(choice: choice, $0.kind))
                }
                responses.append(response)
            } catch var error as ModelError {
                for usage in responses.compactMap(\.usage) { error.usage = error.usage.map { $0 + usage } ?? usage }
                throw error
            }
        }
        return Self.merged(responses)
    }

    private func one(_ request: ModelRequest) async throws(ModelError) -> ModelResponse {
        try AnthropicMessage.response(await transport.send(call(request, stream: false)))
    }

    private func call(_ request: ModelRequest, stream: Bool) throws(ModelError) -> ModelTransport.Request {
        var headers = [(name: "anthropic-version", value: "2023-06-01")]
        if let key = transport.upstream.key { headers.append((name: "x-api-key", value: key.text)) }
        return try ModelTransport.Request(
            "/v1/messages", headers: headers, body: AnthropicMessage.body(of: request, stream: stream),
            timeout: request.timeout)
    }

    private static func merged(_ responses: [ModelResponse]) -> ModelResponse {
        ModelResponse(
            id: responses[0].id, model: responses[0].model, choices: responses.flatMap(\.choices),
            usage: responses.dropFirst().reduce(responses[0].usage) { sum, response in
                if let sum, let usage = response.usage { sum + usage } else { nil }
            })
    }
}
