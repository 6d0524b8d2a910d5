import Models
import Modules

/// What the model gets in place of the beginning of a long session.
struct SessionSummary: Sendable {
    /// The position of the last message that it covers.
    let through: Int64
    let text: String

    init(row: Row) throws {
        through = try row["through_position"]
        text = try row["content"]
    }

    /// Of the user: what a model has written about texts of the user is no instruction of the operator.
    var message: ModelMessage {
        ModelMessage(
            .user,
            "The beginning of this conversation is left out. This is its summary:\n\n\(text)")
    }
}

/// The stored messages that a conversation is made of.
struct SessionHistory: Sendable {
    /// A message with its position in the session. The result of a call that waited for consent has that of the call.
    struct Message: Sendable {
        let position: Int64
        let message: ModelMessage
    }

    var messages: [SessionHistory.Message] = []
    var summary: SessionSummary?
}
