import Identity
import Modules
import Secrets

/// Tickets for browsers, which cannot send a header field with a WebSocket or an `EventSource`: single use, for one
/// topic, valid for as long as the session that has issued them and at most 30 seconds.
final class TicketService: Sendable {
    private let database: any Database
    private let topics: TopicService
    private let access: AccessService
    private let runtime: Runtime

    static let lifetime = Duration.seconds(30)

    init(database: any Database, topics: TopicService, access: AccessService, runtime: Runtime) {
        self.database = database
        self.topics = topics
        self.access = access
        self.runtime = runtime
    }

    /// - Throws: `not-found` for a topic that the caller may not read.
    func issue(_ request: NewTicket, scope: Scope) async throws(Problem) -> Created<Ticket> {
        guard let session = scope.session else { preconditionFailure("tickets are issued to sessions alone") }
        guard let name = TopicName(request.topic), let family = topics.family(of: name) else {
            throw Problem(.notFound)
        }
        let text = Base64URL.encode(runtime.randomBytes(32))
        try await database.write { transaction in
            guard try family.mayRead(name, scope, transaction) else { throw Problem(.notFound) }
            try transaction.insertTicket(
                hash: Digest.hex(text), of: session, for: Topic(name, of: scope.organisation),
                expiresAt: transaction.now + Self.lifetime)
        }
        return Created(Ticket(ticket: text, topic: name.text, expiresIn: Self.lifetime.components.seconds))
    }

    /// Uses a ticket up.
    /// - Returns: nil for a ticket that is unknown, used, expired, for another topic, or of a session that has ended.
    func redeem(_ text: String, for topic: String, by request: Request) async throws(Problem) -> Scope? {
        let hash = Digest.hex(text)
        // Most wrong tickets cost a read only.
        guard try await database.read({ try $0.hasTicket(hash: hash) }),
            let ticket = try await database.write({ try $0.takeTicket(hash: hash) }), ticket.topic == topic
        else { return nil }
        let scope = try await access.scope(of: ticket.session, in: ticket.organisation, for: request)
        // The steps that follow act in the ticket's organisation.
        if let scope { request.context.set(scope) }
        request.context.accountName = scope?.person.text
        return scope
    }
}
