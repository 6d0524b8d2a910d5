import Modules
import NIOCore

/// A message of a topic, encoded once for all of its readers.
final class Message: Sendable {
    let sequence: Int64
    let type: String
    /// `{"topic", "seq", "type", "time", "data"}`.
    let json: ByteBuffer
    private let dataBytes: Int
    private let framed: OnDemand<WebSocketPayload>
    private let framedData: OnDemand<WebSocketPayload>

    init(_ sequence: Int64, of name: TopicName, type: String, time: Instant, data: String) {
        self.sequence = sequence
        self.type = type
        // Names and types have no character that JSON escapes.
        let json = ByteBuffer(
            string: """
                {"topic":"\(name)","seq":\(sequence),"type":"\(type)","time":"\(time)","data":\(data)}
                """)
        self.json = json
        framed = OnDemand { WebSocketPayload(text: json) }
        // The data ends one byte before the end.
        let bytes = data.utf8.count
        dataBytes = bytes
        framedData = OnDemand {
            WebSocketPayload(text: json.getSlice(at: json.writerIndex - bytes - 1, length: bytes) ?? ByteBuffer())
        }
    }

    var payload: WebSocketPayload { framed.value }
    /// The data alone, for WebSockets whose protocol has no envelope.
    var dataPayload: WebSocketPayload { framedData.value }
    /// The data as JSON.
    var data: String { json.getString(at: json.writerIndex - dataBytes - 1, length: dataBytes) ?? "" }
}
