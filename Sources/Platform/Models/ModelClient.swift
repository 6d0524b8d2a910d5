/// A service that answers conversations with a language model: ``AnthropicClient`` or ``OpenAIClient``.
package protocol ModelClient: Sendable {
    /// - Returns: the whole answer.
    func complete(_ request: ModelRequest) async throws(ModelError) -> ModelResponse

    /// Hands on the answer as it arrives. The next part is read when `use` has returned. A cancelled task closes the
    /// connection at once.
    /// - Returns: the whole answer.
    /// - Throws: ``ModelError``; what `use` throws.
    func stream(_ request: ModelRequest, _ use: @escaping @Sendable (ModelEvent) async throws -> Void) async throws
        -> ModelResponse
}
