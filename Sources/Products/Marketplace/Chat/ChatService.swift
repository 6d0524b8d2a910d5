import Audit
import Identity
import Modules
import Realtime

/// Sends and lists the messages of chat groups. Members alone read and write; contact details are blocked.
final class ChatService: Sendable {
    private let database: any Database
    private let topics: TopicService
    private let audit: AuditService
    private let runtime: Runtime

    init(database: any Database, topics: TopicService, audit: AuditService, runtime: Runtime) {
        self.database = database
        self.topics = topics
        self.audit = audit
        self.runtime = runtime
    }

    /// The name of the family of topics; the subject is the id of a group. A message is appended to the topic of each
    /// member's organisation.
    static let family = "marketplace-chat"

    static let topicFamily = TopicFamily(
        family, retention: TopicRetention(count: 1_000, age: .days(7)), keyScope: .marketplace
    ) { name, scope, transaction in
        guard let group = try transaction.chatGroup(ID(trusted: name.subject)) else { return false }
        return try transaction.chatRole(of: scope.person, scope.organisation, in: group) != nil
    }

    /// - Throws: `not-found`; `not-a-chat-member`; `too-many-messages`; `validation-failed` for an attachment that is no file of the
    ///   organisation.
    func send(_ request: NewChatMessage, scope: Scope) async throws(Problem) -> ChatMessageSent {
        let finding = ContactGuardrail.finding(in: request.content)
        let id: ID<ChatMessage> = runtime.id()
        return try await database.write { [self] transaction in
            try transaction.requireMarketplaceCaller(scope)
            let (group, role) = try Self.member(of: request.chatGroupId, scope, in: transaction)
            try Self.requireWithinLimits(scope.person, group, in: transaction)
            if let attachment = request.attachmentUrl {
                try transaction.requireOwnFile(attachment, of: scope.organisation, at: "/attachment_url")
            }
            let message = ChatMessage(
                id: id, group: group.id, person: scope.person, role: role,
                content: finding == nil ? request.content : ChatMessage.notice,
                attachment: finding == nil ? request.attachmentUrl : nil, isBlocked: finding != nil,
                createdAt: transaction.now)
            try transaction.insert(message, of: group.organisation)
            if let finding {
                try audit.record(
                    AuditEvent(
                        "chat-message.blocked", outcome: .refused, by: scope, in: group.organisation, subject: id.text,
                        details: ["finding": finding.rawValue]),
                    in: transaction)
            }
            let name = TopicName(family: Self.family, group.id)
            let body = ChatMessageView(message, for: nil)
            try topics.append(
                try transaction.chatOrganisations(of: group).map {
                    (topic: Topic(name, of: $0), messages: [try NewMessage("message", body)])
                }, in: transaction)
            return ChatMessageSent(
                success: true, message: ChatMessageView(message, for: scope.person), reason: finding?.rawValue)
        }
    }

    /// The newest messages, in the order in which they were sent.
    /// - Throws: `not-found`; `not-a-chat-member`.
    func messages(
        of id: ID<ChatGroup>, before: ID<ChatMessage>?, limit: Int, scope: Scope
    ) async throws(Problem) -> ChatMessageList {
        try await database.read { transaction in
            let (group, _) = try Self.member(of: id, scope, in: transaction)
            let messages = try transaction.chatMessages(of: group.id, before: before, limit: limit + 1)
            return ChatMessageList(
                messages: messages.prefix(limit).reversed().map { ChatMessageView($0, for: scope.person) },
                hasMore: messages.count > limit)
        }
    }

    /// The group of an event.
    /// - Throws: `not-found`, also before the event is confirmed; `not-a-chat-member`.
    func group(of event: ID<MarketplaceEvent>, scope: Scope) async throws(Problem) -> ChatGroupView {
        try await database.read { transaction in
            guard let found = try transaction.chatGroup(of: event) else { throw Problem(.notFound) }
            let (group, role) = try Self.member(of: found.id, scope, in: transaction)
            return ChatGroupView(group, role: role)
        }
    }

    /// - Throws: `too-many-messages`, with the limit that is reached.
    private static func requireWithinLimits(_ person: ID<Person>, _ group: ChatGroup, in transaction: Transaction)
        throws
    {
        let since = transaction.now - .days(1)
        let (ofPerson, ofGroup) = (MarketplaceLimits.messagesPerPersonAndDay, MarketplaceLimits.messagesPerGroupAndDay)
        let limits = [
            (
                "You have sent", ofPerson,
                try transaction.countChatMessages(by: person, since: since, limit: ofPerson)
            ),
            (
                "This conversation has", ofGroup,
                try transaction.countChatMessages(to: group.id, since: since, limit: ofGroup)
            ),
        ]
        for (subject, limit, sent) in limits where sent >= limit {
            throw Problem(
                .tooManyMessages, detail: "\(subject) \(limit) messages in 24 hours, which is the limit.",
                headers: ["Retry-After": "3600"])
        }
    }

    private static func member(
        of id: ID<ChatGroup>, _ scope: Scope, in transaction: Transaction
    ) throws -> (ChatGroup, ChatGroup.Role) {
        guard let group = try transaction.chatGroup(id) else { throw Problem(.notFound) }
        guard let role = try transaction.chatRole(of: scope.person, scope.organisation, in: group) else {
            throw Problem(.notAChatMember)
        }
        return (group, role)
    }
}
