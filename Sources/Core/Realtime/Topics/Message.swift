import Modules
import NIOCore

/// A message of a topic, encoded once for all of its readers.
final class Message: Sendable {
    let sequence: Int64
    /// `{"topic", "seq", "type", "time", "data"}`.
    let json: ByteBuffer
    private let framed: OnDemand<WebSocketPayload>
    private let framedData: OnDemand<WebSocketPayload>

    init(_ sequence: Int64, of name: TopicName, type: String, time: Instant, data: String) {
        self.sequence = sequence
        // Names and types have no character that JSON escapes.
        let json = ByteBuffer(
            string: """
                {"topic":"\(name)","seq":\(sequence),"type":"\(type)","time":"\(time)","data":\(data)}
                """)
        self.json = json
        framed = OnDemand { WebSocketPayload(text: json) }
        // The data ends one byte before the end.
        let bytes = data.utf8.count
        framedData = OnDemand {
            WebSocketPayload(text: json.getSlice(at: json.writerIndex - bytes - 1, length: bytes) ?? ByteBuffer())
        }
    }

    var payload: WebSocketPayload { framed.value }
    /// The data alone, for WebSockets whose protocol has no envelope.
    var dataPayload: WebSocketPayload { framedData.value }
}
