import Identity
import Modules

/// The SQL of chat groups and their messages.
extension Transaction {
    /// The group of an event, which is created where there is none.
    func ensureChatGroup(of event: MarketplaceEvent, id: ID<ChatGroup>) throws -> ID<ChatGroup> {
        try execute(
            """
            INSERT INTO marketplace_chat_groups (id, organisation_id, event_id, created_at)
            VALUES (\(id), \(event.organisation), \(event.id), \(now)) ON CONFLICT (event_id) DO NOTHING
            """
        )
        return try chatGroup(of: event.id)?.id ?? id
    }

    func chatGroup(of event: ID<MarketplaceEvent>) throws -> ChatGroup? {
        try first("SELECT * FROM marketplace_chat_groups WHERE event_id = \(event)", ChatGroup.init)
    }

    func chatGroup(_ id: ID<ChatGroup>) throws -> ChatGroup? {
        try first("SELECT * FROM marketplace_chat_groups WHERE id = \(id)", ChatGroup.init)
    }

    /// What a person is to a group.
    /// - Returns: nil for a person who is no member of it.
    func chatRole(of person: ID<Person>, _ organisation: ID<Organisation>, in group: ChatGroup) throws -> ChatGroup
        .Role?
    {
        if group.organisation == organisation { return .organizer }
        let booked = try first(
            """
            SELECT venue_id FROM marketplace_event_services
            WHERE event_id = \(group.event) AND vendor_organisation_id = \(organisation) AND status <> 'cancelled'
            ORDER BY CASE WHEN venue_id IS NULL THEN 1 ELSE 0 END LIMIT 1
            """
        ) { row in try row["venue_id"] as ID<Venue>? }
        if let booked { return booked == nil ? .provider : .venue }
        let collaborator = try first(
            """
            SELECT id FROM marketplace_collaborators
            WHERE event_id = \(group.event) AND user_id = \(person) AND accepted_at IS NOT NULL
            """
        )
        return collaborator == nil ? nil : .participant
    }

    /// The organisations whose members read a group: those of the organizer, of vendors, and the personal ones of
    /// collaborators.
    func chatOrganisations(of group: ChatGroup) throws -> [ID<Organisation>] {
        let others: [ID<Organisation>] = try all(
            """
            SELECT vendor_organisation_id AS organisation_id FROM marketplace_event_services
            WHERE event_id = \(group.event) AND status <> 'cancelled'
            UNION
            SELECT organisations.id AS organisation_id FROM marketplace_collaborators
                JOIN organisations ON organisations.personal_of = marketplace_collaborators.user_id
            WHERE marketplace_collaborators.event_id = \(group.event) AND accepted_at IS NOT NULL
            """
        ) { try $0["organisation_id"] }
        return [group.organisation] + others.filter { $0 != group.organisation }
    }

    func insert(_ message: ChatMessage, of organisation: ID<Organisation>) throws {
        try execute(
            """
            INSERT INTO marketplace_chat_messages (
                id, group_id, organisation_id, person_id, sender_role, content, attachment_url, is_blocked, created_at)
            VALUES (\(message.id), \(message.group), \(organisation), \(message.person), \(message.role),
                    \(message.content), \(message.attachment), \(message.isBlocked), \(message.createdAt))
            """
        )
    }

    /// The messages that a person has sent since a moment, to all groups.
    /// - Parameter limit: as far as they are counted.
    func countChatMessages(by person: ID<Person>, since moment: Instant, limit: Int64) throws -> Int64 {
        try countChatMessages(where: "person_id = \(person) AND created_at > \(moment)", limit)
    }

    /// The messages that were sent to a group since a moment.
    /// - Parameter limit: as far as they are counted.
    func countChatMessages(to group: ID<ChatGroup>, since moment: Instant, limit: Int64) throws -> Int64 {
        try countChatMessages(where: "group_id = \(group) AND created_at > \(moment)", limit)
    }

    private func countChatMessages(where condition: SQL, _ limit: Int64) throws -> Int64 {
        try count(
            """
            SELECT COUNT(*) AS count FROM (
                SELECT id FROM marketplace_chat_messages WHERE \(condition) LIMIT \(limit)) AS recent
            """
        )
    }

    /// The newest messages of a group, the newest first.
    /// - Parameter before: only older ones than this message.
    func chatMessages(of group: ID<ChatGroup>, before: ID<ChatMessage>?, limit: Int) throws -> [ChatMessage] {
        let condition: SQL =
            before.map {
                """
                 AND (created_at, id) < (
                    SELECT created_at, id FROM marketplace_chat_messages WHERE id = \($0) AND group_id = \(group))
                """
            } ?? ""
        return try all(
            """
            SELECT * FROM marketplace_chat_messages WHERE group_id = \(group)\(condition)
            ORDER BY created_at DESC, id DESC LIMIT \(limit)
            """
        ) { row in
            ChatMessage(
                id: try row["id"], group: try row["group_id"], person: try row["person_id"],
                role: try row["sender_role"], content: try row["content"], attachment: try row["attachment_url"],
                isBlocked: try row["is_blocked"], createdAt: try row["created_at"])
        }
    }
}
