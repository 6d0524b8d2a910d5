import Models
import Modules

/// The models of this installation, the default first.
struct AssistantModels: Sendable {
    /// Nil where none is configured.
    let client: (any ModelClient)?
    let names: [String]
    let contextTokens: Int64
    private let prices: [String: Int64]
    /// Those of a service whose API has images in results of tools.
    private let withResultImages: Set<String>

    init(_ settings: AssistantSettings, runtime: Runtime) {
        prices = settings.prices
        contextTokens = settings.contextTokens
        withResultImages = Set(
            settings.upstreams.filter { $0.upstream.api == .anthropic }.flatMap { $0.models.map(\.name) })
        guard !settings.upstreams.isEmpty else {
            client = settings.usesEcho ? EchoModelClient() : nil
            names = settings.usesEcho ? [EchoModelClient.model] : []
            return
        }
        var names: [String] = []
        for model in settings.upstreams.flatMap(\.models) where !names.contains(model.name) {
            names.append(model.name)
        }
        self.names = names
        var bounds = settings.upstreams.count > 1 ? ModelClientSettings.amongOthers : ModelClientSettings()
        bounds.tracer = settings.tracer
        client = ModelPool(
            settings.upstreams.map { upstream in
                ModelPool.Member(
                    name: upstream.name, client: upstream.upstream.client(bounds, runtime: runtime),
                    weight: upstream.weight, models: Dictionary(upstream.models.map { ($0.name, $0.atService) }) { $1 },
                    takesResultImages: upstream.upstream.api == .anthropic)
            }, runtime: runtime)
    }

    func takesResultImages(_ model: String) -> Bool { withResultImages.contains(model) }

    /// The price of the settings, or else the one that the server has.
    func price(of model: String) -> ModelPrice {
        prices[model].map { ModelPrice(input: $0, output: $0) } ?? ModelPrice.price(of: model)
    }

    var capabilities: [AssistantModelCapabilities] {
        names.map { AssistantModelCapabilities($0, price: price(of: $0), contextTokens: contextTokens) }
    }

    /// - Throws: `not-configured`.
    func requireClient() throws(Problem) -> any ModelClient {
        guard let client else {
            throw Problem(.notConfigured, detail: "No language model is configured (ANTHROPIC_API_KEY).")
        }
        return client
    }

    /// - Parameter name: nil for the default model.
    /// - Throws: `assistant-model-not-found`; `not-configured` where there is no model at all.
    func name(_ name: String?) throws(Problem) -> String {
        _ = try requireClient()
        guard let found = name == nil ? names.first : names.first(where: { $0 == name }) else {
            throw Problem(.modelNotFound, detail: "GET /v1/models lists the models.")
        }
        return found
    }
}
