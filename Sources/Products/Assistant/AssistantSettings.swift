package import Modules

/// The settings of the assistant.
package struct AssistantSettings: Sendable {
    /// The services of the models; empty where none is configured. The first model of the first one is the default.
    package var upstreams: [AssistantUpstream]
    /// Whether a local model that repeats what it is told stands in for a service that is not configured.
    package var usesEcho: Bool
    /// Without traffic for this long a session becomes idle.
    package var sessionTimeout: Duration
    /// Tokens of an answer where the client names no bound.
    package var answerTokens: Int64
    /// Of one file of a workspace.
    package var fileBytesMax: Int64
    /// Days that the numbers of analytics are kept for.
    package var analyticsRetentionDays: Int64
    /// Tokens of a conversation with its answer: older turns of a session are left out of a longer one.
    package var contextTokens: Int64
    /// The model that summarises the beginnings of long sessions; nil for none.
    package var summaryModel: String?
    /// What a million tokens of a model cost, by its name, in millionths of a US dollar.
    package var prices: [String: Int64]
    /// The tool servers that the operator has declared.
    package var toolServers: MCPServerFile
    /// Traces the requests to the services of models; nil for none.
    package var tracer: OTLPTracer?

    /// The name of the model that repeats what it is told.
    package static let echoModel = EchoModelClient.model

    package init(
        upstreams: [AssistantUpstream] = [], usesEcho: Bool = false, sessionTimeout: Duration = .hours(1),
        answerTokens: Int64 = 4_096, contextTokens: Int64 = 200_000, summaryModel: String? = nil,
        fileBytesMax: Int64 = 10 << 20, analyticsRetentionDays: Int64 = 30, prices: [String: Int64] = [:],
        toolServers: MCPServerFile = .none
    ) {
        self.upstreams = upstreams
        self.usesEcho = usesEcho
        self.sessionTimeout = sessionTimeout
        self.answerTokens = answerTokens
        self.fileBytesMax = fileBytesMax
        self.analyticsRetentionDays = analyticsRetentionDays
        self.contextTokens = contextTokens
        self.summaryModel = summaryModel
        self.prices = prices
        self.toolServers = toolServers
    }
}
