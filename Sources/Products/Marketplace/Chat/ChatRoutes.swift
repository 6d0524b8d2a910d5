import Identity
import Modules

/// The endpoints of chats. New messages are also appended to a topic.
struct ChatRoutes: Sendable {
    let chat: ChatService
    let member: Member

    var routes: [Route] {
        [
            .post(
                "chat/send", "Send a message to the members of an event", requires: member,
                problems: [.notFound, .notAChatMember, .tooManyMessages]
            ) { [chat] (body: NewChatMessage, scope) in try await chat.send(body, scope: scope) },
            .get(
                "chat/{group}/messages", "List the newest messages of a chat", requires: member,
                .path("group", of: ChatGroup.self), QueryID<ChatMessage>(name: "before"),
                .query("limit", 1...200, default: 50), problems: [.notFound, .notAChatMember]
            ) { [chat] scope, group, before, limit in
                try await chat.messages(of: group, before: before, limit: limit, scope: scope)
            },
            .get(
                "chat/event/{event}", "Get the chat of an event", requires: member,
                .path("event", of: MarketplaceEvent.self), problems: [.notFound, .notAChatMember]
            ) { [chat] scope, event in try await chat.group(of: event, scope: scope) },
        ]
    }
}
