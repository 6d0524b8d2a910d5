import Modules
import NIOCore

/// One page of messages.
struct TopicPage: Payload {
    let topic: String
    /// Messages, and notices of type `gap`, which have neither number nor data.
    let messages: [TopicMessage]
    /// The value of `after` for the page that follows.
    let next: Int64

    /// The page as JSON, with each message as it was encoded for all readers.
    static func json(_ topic: TopicName, _ deliveries: [Delivery], next: Int64) -> ByteBuffer {
        var json = ByteBuffer(string: #"{"topic":"\#(topic)","messages":["#)
        for (index, delivery) in deliveries.enumerated() {
            if index > 0 { json.writeString(",") }
            json.writeImmutableBuffer(delivery.json)
        }
        json.writeString(#"],"next":\#(next)}"#)
        return json
    }
}

/// A message, or a notice.
struct TopicMessage: Payload {
    let topic: String
    let type: String
    let seq: Int64?
    let time: Instant?
    let data: JSONValue?
    /// Of a `gap`: how many messages are not kept.
    let missed: Int64?
    /// Of a notice: the number of the message that follows.
    let next: Int64?
}
