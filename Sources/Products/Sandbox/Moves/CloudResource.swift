import Modules

/// Something in AWS that a session makes: its row exists before the request.
struct CloudResource: Sendable {
    enum Kind: String, Sendable, Codable, CaseIterable, SQLBindable, SQLReadable {
        case image
        case instance
    }
}
