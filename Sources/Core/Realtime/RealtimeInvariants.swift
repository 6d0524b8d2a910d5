import Modules

enum RealtimeInvariants {
    static let all = [
        Invariant(
            "The messages of a topic are not numbered without gaps up to its last one",
            """
            SELECT topics.organisation_id, topics.name, topics.head, numbers.least, numbers.greatest, numbers.count
            FROM topics
            JOIN (
                SELECT organisation_id, topic, MIN(seq) AS least, MAX(seq) AS greatest, COUNT(*) AS count
                FROM topic_messages GROUP BY organisation_id, topic
            ) AS numbers ON numbers.organisation_id = topics.organisation_id AND numbers.topic = topics.name
            WHERE numbers.greatest <> topics.head OR numbers.greatest - numbers.least + 1 <> numbers.count
            """)
    ]
}
