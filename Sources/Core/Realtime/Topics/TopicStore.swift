import Identity
import Modules

/// The SQL of topics and their messages.
extension Transaction {
    /// Adds `count` to the last sequence number of a topic, which begins at 0, and locks the topic until the
    /// transaction ends: sequence numbers are committed in their order.
    /// - Returns: the new last sequence number.
    func advance(_ topic: Topic, by count: Int64) throws -> Int64 {
        let head: Int64? = try first(
            """
            INSERT INTO topics (organisation_id, name, head, created_at, appended_at)
            VALUES (\(topic.organisation), \(topic.name), \(count), \(now), \(now))
            ON CONFLICT (organisation_id, name)
            DO UPDATE SET head = topics.head + excluded.head, appended_at = excluded.appended_at
            RETURNING head
            """
        ) { try $0["head"] }
        guard let head else { preconditionFailure("an upsert returns its row") }
        return head
    }

    func insert(_ message: NewMessage, as sequence: Int64, in topic: Topic) throws {
        try execute(
            """
            INSERT INTO topic_messages (organisation_id, topic, seq, type, data, created_at)
            VALUES (\(topic.organisation), \(topic.name), \(sequence), \(message.type), \(message.data), \(now))
            """
        )
    }

    func deleteMessages(of topic: Topic, upTo sequence: Int64) throws {
        try execute(
            """
            DELETE FROM topic_messages
            WHERE organisation_id = \(topic.organisation) AND topic = \(topic.name) AND seq <= \(sequence)
            """
        )
    }

    func deleteTopic(_ topic: Topic) throws {
        try deleteMessages(of: topic, upTo: .max)
        try execute(
            "DELETE FROM topics WHERE organisation_id = \(topic.organisation) AND name = \(topic.name)")
    }

    /// The last sequence number; nil for a topic without a row.
    func head(of topic: Topic) throws -> Int64? {
        try first("SELECT head FROM topics WHERE organisation_id = \(topic.organisation) AND name = \(topic.name)") {
            try $0["head"]
        }
    }

    /// - Returns: at most `limit` messages after `sequence`, in their order.
    func messages(of topic: Topic, after sequence: Int64, limit: Int) throws -> [Message] {
        try all(
            """
            SELECT seq, type, data, created_at FROM topic_messages
            WHERE organisation_id = \(topic.organisation) AND topic = \(topic.name) AND seq > \(sequence)
            ORDER BY seq LIMIT \(limit)
            """
        ) { row in
            Message(
                try row["seq"], of: topic.name, type: try row["type"], time: try row["created_at"],
                data: try row["data"])
        }
    }

    func lastMessage(of types: [String], in topic: Topic) throws -> Message? {
        try first(
            """
            SELECT seq, type, data, created_at FROM topic_messages
            WHERE organisation_id = \(topic.organisation) AND topic = \(topic.name) AND type IN \(list: types)
            ORDER BY seq DESC LIMIT 1
            """
        ) { row in
            Message(
                try row["seq"], of: topic.name, type: try row["type"], time: try row["created_at"],
                data: try row["data"])
        }
    }

    /// The last sequence numbers of topics; a topic without a row is missing.
    func heads(of topics: [Topic]) throws -> [Topic: Int64] {
        guard let first = topics.first else { return [:] }
        // Two lists of names would be looked up in all of their combinations.
        let wanted = topics.dropFirst().reduce("(\(first.organisation), \(first.name))" as SQL) { list, topic in
            list + ", (\(topic.organisation), \(topic.name))"
        }
        let found = try all(
            """
            WITH wanted (organisation_id, name) AS (VALUES \(wanted))
            SELECT topics.organisation_id AS organisation_id, topics.name AS name, topics.head AS head
            FROM wanted
            JOIN topics ON topics.organisation_id = wanted.organisation_id AND topics.name = wanted.name
            """
        ) { row -> (Topic, Int64)? in
            guard let name = TopicName(try row["name"]) else { return nil }
            return (Topic(name, of: try row["organisation_id"]), try row["head"])
        }
        return Dictionary(found.compactMap(\.self)) { first, _ in first }
    }

    /// Topics of a family with messages that are older than `limit`, each with the last of these messages.
    func topicsWithMessages(of family: String, createdBefore limit: Instant, atMost count: Int) throws
        -> [(topic: Topic, sequence: Int64)]
    {
        // The names of the family are those between `family.` and `family/`, the character after the dot.
        try all(
            """
            SELECT organisation_id, topic, MAX(seq) AS seq FROM topic_messages
            WHERE created_at < \(limit) AND topic > \(family + ".") AND topic < \(family + "/")
            GROUP BY organisation_id, topic ORDER BY topic, organisation_id LIMIT \(count)
            """
        ) { row -> (Topic, Int64)? in
            guard let name = TopicName(try row["topic"]) else { return nil }
            return (Topic(name, of: try row["organisation_id"]), try row["seq"])
        }.compactMap(\.self)
    }
}
