import Identity
import Modules
import Realtime

/// The body of `POST /v1/chat/send`.
struct NewChatMessage: Payload {
    var chatGroupId: ID<ChatGroup>
    var content: String
    /// The address of a file that was uploaded here.
    var attachmentUrl: String?

    static let rules: [String: Rule] = [
        "content": .length(1...ChatMessage.lengthMax), "attachment_url": .length(1...WebAddress.lengthMax),
    ]
}

struct ChatMessageView: Payload {
    var id: ID<ChatMessage>
    var chatGroupId: ID<ChatGroup>
    /// What the sender is to the event, in place of a name.
    var senderName: String
    var senderRole: ChatGroup.Role
    /// Whether the caller has sent it; nil in topics.
    var isOwn: Bool?
    /// A notice in place of a blocked text.
    var content: String
    var attachmentUrl: String?
    var isBlocked: Bool
    var createdAt: Instant

    init(_ message: ChatMessage, for reader: ID<Person>?) {
        id = message.id
        chatGroupId = message.group
        senderName = message.role.displayName
        senderRole = message.role
        isOwn = reader.map { $0 == message.person }
        content = message.content
        attachmentUrl = message.attachment
        isBlocked = message.isBlocked
        createdAt = message.createdAt
    }
}

struct ChatMessageSent: Payload {
    var success: Bool
    var message: ChatMessageView
    /// What was found in a blocked message: `phone`, `email`, `link` or `handle`.
    var reason: String?
}

struct ChatMessageList: Payload {
    var messages: [ChatMessageView]
    /// Whether there are older ones.
    var hasMore: Bool
}

struct ChatGroupView: Payload {
    var chatGroupId: ID<ChatGroup>
    var eventId: ID<MarketplaceEvent>
    /// What the caller is to the event.
    var role: ChatGroup.Role
    /// The name of the topic of new messages.
    var topic: String
    var createdAt: Instant

    init(_ group: ChatGroup, role: ChatGroup.Role) {
        chatGroupId = group.id
        eventId = group.event
        self.role = role
        topic = TopicName(family: ChatService.family, group.id).text
        createdAt = group.createdAt
    }
}
