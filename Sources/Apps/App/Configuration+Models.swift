import Assistant
import GoalGraphs
import Models
import Modules
import Workflows

extension Configuration {
    /// The model that products use; nil where none is configured.
    /// - Throws: ``ModelUpstream/ParseError``, which is also among the faults of the configuration.
    var modelSettings: ModelSettings? {
        get throws {
            if let upstream = try modelUpstream(.anthropic) {
                return ModelSettings(upstream: upstream, model: anthropicModel)
            }
            guard let openAIModel, let upstream = try modelUpstream(.openAI) else { return nil }
            return ModelSettings(upstream: upstream, model: openAIModel)
        }
    }

    /// The models that workflows ask: that of ``modelSettings`` and the second one.
    var workflowModels: [ModelSettings] {
        get throws {
            guard let first = try modelSettings else { return [] }
            guard let modelFallback, let upstream = try modelUpstream(modelFallbackAPI) else { return [first] }
            return [first, ModelSettings(upstream: upstream, model: modelFallback)]
        }
    }

    /// The service of an API; nil where it is not configured.
    private func modelUpstream(_ api: ModelUpstream.API) throws(ModelUpstream.ParseError) -> ModelUpstream? {
        switch api {
        case .anthropic:
            guard let anthropicKey else { return nil }
            return try ModelUpstream(.anthropic, baseURL: anthropicBaseURL, key: ModelKey(anthropicKey))
        case .openAI:
            guard openAIKey != nil || openAIBaseURL != nil else { return nil }
            return try ModelUpstream(
                .openAI, baseURL: openAIBaseURL ?? ModelUpstream.openAIURL, key: openAIKey.flatMap(ModelKey.init))
        }
    }

    /// By the names of models; without entries that are faults of the configuration.
    var workflowModelPrices: [String: ModelPrice] {
        Dictionary(modelPrices.compactMap(Self.modelPrice)) { $1 }
    }

    /// - Parameter entry: such as `llama-4=0.5`, dollars for a million tokens.
    private static func modelPrice(_ entry: String) -> (String, ModelPrice)? {
        guard let separator = entry.lastIndex(of: "="), separator > entry.startIndex,
            let micros = DecimalNumber(entry[entry.index(after: separator)...])?.units(fractionDigits: 6),
            (0...modelPriceMicrosMax).contains(micros)
        else { return nil }
        return (String(entry[..<separator]), ModelPrice(perMillionTokens: MicroDollars(micros)))
    }

    /// 10,000 dollars.
    private static let modelPriceMicrosMax: Int64 = 10_000_000_000

    /// The models of the assistant; outside of production the echo where none is configured.
    /// - Throws: as ``modelSettings``.
    var assistantSettings: AssistantSettings {
        get throws {
            return AssistantSettings(
                upstreams: try assistantUpstreams, usesEcho: environment != .production,
                sessionTimeout: sessionTimeout, answerTokens: Int64(answerTokens),
                contextTokens: Int64(contextTokens), summaryModel: summaryModel,
                fileBytesMax: Int64(maxFileSize),
                analyticsRetentionDays: Int64(analyticsRetentionDays),
                prices: workflowModelPrices.mapValues(\.perMillionTokens.micros), toolServers: try toolServers)
        }
    }

    /// The tool servers that the operator has declared.
    /// - Throws: ``MCPServerFile/Fault``, which is also among the faults of the configuration.
    private var toolServers: MCPServerFile {
        get throws(MCPServerFile.Fault) {
            guard let toolServerFolder else { return .none }
            return try assistantFiles.toolServers(toolServerFolder)
        }
    }

    private var assistantUpstreams: [AssistantUpstream] {
        get throws {
            if let assistantUpstreamsFile { return try assistantFiles.upstreams(assistantUpstreamsFile) }
            guard let model = try modelSettings else { return [] }
            let names = [model.model] + assistantModels
            return [
                AssistantUpstream(
                    name: model.upstream.api.rawValue.lowercased(), upstream: model.upstream, weight: 1,
                    models: names.map { ($0, $0) })
            ]
        }
    }

    private var assistantModelNames: [String] {
        let names = ((try? assistantUpstreams) ?? []).flatMap(\.models).map(\.name)
        return names.isEmpty && environment != .production ? [AssistantSettings.echoModel] : names
    }

    var modelFaults: [String] {
        var faults: [String] = []
        if let assistantUpstreamsFile {
            do { _ = try assistantFiles.upstreams(assistantUpstreamsFile) } catch {
                faults.append("ASSISTANT_UPSTREAMS_FILE: \(error)")
            }
        }
        do throws(MCPServerFile.Fault) { _ = try toolServers } catch { faults.append("MCP_CONFIG_DIR: \(error)") }
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
        for entry in modelPrices where Self.modelPrice(entry) == nil {
            faults.append("MODEL_PRICES: '\(entry)' is not NAME=PRICE with 0 to 10000 dollars and at most six decimals")
        }
        // Further faults of the same settings say nothing.
        if faults.isEmpty, let summaryModel, !assistantModelNames.contains(summaryModel) {
            faults.append("SUMMARY_MODEL: is none of the assistant's models")
        }
        if faults.isEmpty, let modelFallback { faults += modelFallbackFaults(modelFallback) }
        return faults
    }

    private func modelFallbackFaults(_ name: String) -> [String] {
        guard let first = try? modelSettings else { return ["MODEL_FALLBACK: requires a first model"] }
        if (try? modelUpstream(modelFallbackAPI)) == nil {
            return ["MODEL_FALLBACK_API: requires a key or a URL of that API"]
        }
        return name == first.model ? ["MODEL_FALLBACK: has another name than the first model"] : []
    }
}
