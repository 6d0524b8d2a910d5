import Identity
import Modules

/// The endpoints of the models.
struct ModelRoutes: Sendable {
    let models: AssistantModels
    let member: Member

    var routes: [Route] {
        [
            .get("models", "List the models", requires: member.allowing(.assistant)) { [models] _ in
                AssistantModelList(models.names)
            }.answeringProblems(as: .modelAPI),
            .get(
                "models/capabilities", "List what the models can do, and what they cost",
                requires: member.allowing(.assistant)
            ) { [models] _ in AssistantModelCapabilityList(data: models.capabilities) }
            .answeringProblems(as: .modelAPI),
            .get(
                "models/{model}", "Get a model", requires: member.allowing(.assistant), .path("model"),
                problems: [.modelNotFound, .notConfigured]
            ) { [models] _, name in AssistantModel(try models.name(name)) }.answeringProblems(as: .modelAPI),
        ]
    }
}

/// A model, with the members that OpenAI's and Anthropic's clients read.
struct AssistantModel: Payload {
    var id: String
    var object: String
    var type: String
    var displayName: String
    /// In seconds since 1970. Services do not tell it.
    var created: Int64
    var createdAt: Instant
    var ownedBy: String

    init(_ name: String) {
        id = name
        object = "model"
        type = "model"
        displayName = name
        created = 0
        createdAt = Instant(seconds: 0)
        ownedBy = name == EchoModelClient.model ? "gatehouse" : "upstream"
    }
}

struct AssistantModelList: Payload {
    var object: String
    var data: [AssistantModel]
    var hasMore: Bool
    var firstId: String?
    var lastId: String?

    init(_ names: [String]) {
        object = "list"
        data = names.map { AssistantModel($0) }
        hasMore = false
        firstId = names.first
        lastId = names.last
    }
}

/// What requests for a model may have.
struct AssistantModelCapabilities: Payload {
    var id: String
    var streaming: Bool
    /// Functions that the client runs.
    var tools: Bool
    /// In messages of the user.
    var images: Bool
    /// Answers that have a schema.
    var jsonSchema: Bool
    /// Answers to one request.
    var answersMax: Int64
    /// About as many tokens as a conversation of a session has with its answer.
    var contextTokens: Int64
    /// Of one answer.
    var outputTokensMax: Int64
    /// In US dollars for a million tokens.
    var inputPrice: DecimalNumber
    var outputPrice: DecimalNumber
    var currency: String

    init(_ name: String, price: ModelPrice, contextTokens: Int64) {
        let isModel = name != EchoModelClient.model
        id = name
        streaming = true
        tools = isModel
        images = isModel
        jsonSchema = isModel
        answersMax = 8
        self.contextTokens = contextTokens
        outputTokensMax = TurnRequest.answerTokensMax
        inputPrice = .dollars(price.input)
        outputPrice = .dollars(price.output)
        currency = "usd"
    }
}

struct AssistantModelCapabilityList: Payload {
    var object = "list"
    var data: [AssistantModelCapabilities]
}
