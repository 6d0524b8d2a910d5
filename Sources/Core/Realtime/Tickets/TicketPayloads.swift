import Modules

/// The topic that a ticket is for.
struct NewTicket: Payload {
    let topic: String

    static var rules: [String: Rule] { ["topic": .length(3...TopicName.bytesMax)] }
}

/// A ticket, which is shown once.
struct Ticket: Payload {
    let ticket: String
    let topic: String
    /// In seconds.
    let expiresIn: Int64
}
