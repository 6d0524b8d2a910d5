import Base

/// OpenAI's Chat Completions API, and servers that have the same.
package struct OpenAIClient: ModelClient {
    let transport: ModelTransport

    package func complete(_ request: ModelRequest) async throws(ModelError) -> ModelResponse {
        try OpenAIMessage.response(await transport.send(call(request, stream: false)), count: request.count)
    }

    package func stream(
        _ request: ModelRequest, _ use: @escaping @Sendable (ModelEvent) async throws -> Void
    ) async throws -> ModelResponse {
        try await transport.stream(
            try call(request, stream: true),
            OpenAIStreamDecoder(request, key: transport.upstream.key), use)
    }

    private func call(_ request: ModelRequest, stream: Bool) throws(ModelError) -> ModelTransport.Request {
        guard !request.messages.contains(where: \.hasResultImage) else {
            throw ModelError(.refused, "OpenAI's API takes no images in results of tools.")
        }
        let upstream = transport.upstream
        var body = OpenAIMessage.body(of: request, stream: stream)
        // OpenAI's newer models refuse the older name, and other servers know only that.
        body[upstream.baseURL.hasPrefix(ModelUpstream.openAIURL) ? "max_completion_tokens" : "max_tokens"] =
            .integer(Int64(request.tokensMax))
        return try ModelTransport.Request(
            "/chat/completions",
            headers: upstream.key.map { [(name: "Authorization", value: "Bearer \($0.text)")] } ?? [],
            body: .object(body), timeout: request.timeout)
    }
}
