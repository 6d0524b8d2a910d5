package import Base

/// Why an answer is not the one that was asked for: a sentence for the model.
package struct ModelAnswerFault: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

extension ModelClient {
    /// Asks for JSON. An answer that is none, or that `read` does not accept, is sent back once, with what is wrong.
    /// - Parameters:
    ///   - request: of one answer, with the schema.
    ///   - read: checks the JSON; a service's promise to keep to the schema is not enough.
    /// - Returns: what `read` returns, and the tokens of both requests, nil where the service does not tell.
    /// - Throws: ``ModelError``, `malformed` where the second answer is not accepted either; with the tokens of the
    ///   answers that came.
    package func json<Answer>(
        _ request: ModelRequest, read: (JSONValue) throws(ModelAnswerFault) -> Answer
    ) async throws(ModelError) -> (answer: Answer, usage: ModelUsage?) {
        let first = try await complete(request)
        let fault: ModelAnswerFault
        do throws(ModelAnswerFault) { return (try read(Self.json(of: first)), first.usage) } catch { fault = error }
        guard first.choices.first?.finish != .refused else {
            throw ModelError(.refused, "The model refuses to answer.", usage: first.usage)
        }
        var second = request
        // The text alone: services refuse a call of a tool that no result follows.
        second.messages += first.choices.prefix(1).map { ModelMessage(.assistant, $0.text) }.filter { !$0.text.isEmpty }
        second.messages.append(
            ModelMessage(
                .user, "This answer cannot be used: \(fault) Answer again, with nothing but the corrected JSON."))
        let repaired: ModelResponse
        do throws(ModelError) { repaired = try await complete(second) } catch var error {
            error.usage = error.usage ?? first.usage
            throw error
        }
        let usage = first.usage.flatMap { first in repaired.usage.map { first + $0 } }
        do throws(ModelAnswerFault) { return (try read(Self.json(of: repaired)), usage) } catch {
            throw ModelError(.malformed, "\(error)", usage: usage)
        }
    }

    /// The JSON of an answer, also where it is in a code block or between sentences.
    private static func json(of response: ModelResponse) throws(ModelAnswerFault) -> JSONValue {
        guard let choice = response.choices.first else { throw ModelAnswerFault("It is empty.") }
        guard choice.finish != .tokensMax else { throw ModelAnswerFault("It is too long, and was cut off.") }
        let text = choice.text
        guard !text.isEmpty || choice.toolCalls.isEmpty else {
            throw ModelAnswerFault("It calls a tool, and none was offered.")
        }
        let opening = text.firstIndex { $0 == "{" || $0 == "[" }
        let closing = text.lastIndex { $0 == "}" || $0 == "]" }
        let span = if let opening, let closing, opening <= closing { text[opening...closing] } else { text[...] }
        do { return try JSONValue(parsing: span.utf8) } catch {
            throw ModelAnswerFault("It is not valid JSON: \(error).")
        }
    }
}
