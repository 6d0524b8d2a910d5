import Models

extension Configuration {
    /// The model that products use; nil where none is configured.
    /// - Throws: ``ModelUpstream/ParseError``, which is also among the faults of the configuration.
    var modelSettings: ModelSettings? {
        get throws {
            if let anthropicKey {
                return ModelSettings(
                    upstream: try ModelUpstream(
                        .anthropic, baseURL: anthropicBaseURL, key: ModelKey(anthropicKey)),
                    model: anthropicModel)
            }
            guard openAIKey != nil || openAIBaseURL != nil, let openAIModel else { return nil }
            return ModelSettings(
                upstream: try ModelUpstream(
                    .openAI, baseURL: openAIBaseURL ?? ModelUpstream.openAIURL, key: openAIKey.flatMap(ModelKey.init)),
                model: openAIModel)
        }
    }

    var modelFaults: [String] {
        var faults: [String] = []
        for (name, key) in [("ANTHROPIC_API_KEY", anthropicKey), ("OPENAI_API_KEY", openAIKey)] {
            if let key, ModelKey(key) == nil { faults.append("\(name): has blanks or characters outside of ASCII") }
        }
        for (name, api, url) in [
            ("ANTHROPIC_BASE_URL", ModelUpstream.API.anthropic, anthropicBaseURL),
            ("OPENAI_BASE_URL", .openAI, openAIBaseURL ?? ModelUpstream.openAIURL),
        ] {
            do throws(ModelUpstream.ParseError) { _ = try ModelUpstream(api, baseURL: url, key: nil) } catch {
                faults.append("\(name): \(error)")
            }
        }
        if openAIKey != nil || openAIBaseURL != nil, openAIModel == nil {
            faults.append("OPENAI_MODEL: is required with OPENAI_API_KEY or OPENAI_BASE_URL")
        }
        return faults
    }
}
