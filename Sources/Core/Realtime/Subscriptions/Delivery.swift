package import Modules
package import NIOCore

/// What a subscription yields: a message, or a notice about the messages.
package struct Delivery: Sendable {
    enum Kind: Sendable {
        case message(Message)
        /// Messages are no longer kept.
        case gap
        /// The reader was slower than the messages and reads them from storage.
        case lag
    }

    let kind: Kind
    /// The JSON object that a client gets.
    package let json: ByteBuffer

    init(_ message: Message) {
        kind = .message(message)
        json = message.json
    }

    /// - Parameters:
    ///   - missed: how many messages between the last one that the reader names and `next` are not kept.
    ///   - next: the sequence number of the message that follows.
    static func gap(_ name: TopicName, missed: Int64, next: Int64) -> Delivery {
        Delivery(.gap, #"{"topic":"\#(name)","type":"gap","missed":\#(missed),"next":\#(next)}"#)
    }

    /// - Parameters:
    ///   - behind: how many messages the reader has not read. None of them is lost.
    ///   - next: the sequence number of the message that follows.
    static func lag(_ name: TopicName, behind: Int64, next: Int64) -> Delivery {
        Delivery(.lag, #"{"topic":"\#(name)","type":"lag","behind":\#(behind),"next":\#(next)}"#)
    }

    private init(_ kind: Kind, _ json: String) {
        self.kind = kind
        self.json = ByteBuffer(string: json)
    }

    /// The sequence number; nil for a notice.
    package var sequence: Int64? { if case .message(let message) = kind { message.sequence } else { nil } }

    /// The data of the message alone, for WebSockets whose protocol has no envelope; nil for a notice.
    package var dataPayload: WebSocketPayload? {
        if case .message(let message) = kind { message.dataPayload } else { nil }
    }

    /// The type of the message, and its data as JSON; nil for a notice.
    package var event: (type: String, data: String)? {
        if case .message(let message) = kind { (message.type, message.data) } else { nil }
    }

    /// The message of a WebSocket.
    package var payload: WebSocketPayload {
        if case .message(let message) = kind { message.payload } else { WebSocketPayload(text: json) }
    }
}
