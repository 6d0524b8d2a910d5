/// The packets of one request or response of the polling transport, separated by U+001E.
enum EngineIOPayload {
    /// The bytes of a payload, and of a message by WebSocket.
    static let bytesMax = 64 << 10
    /// The packets of a payload. Python's client refuses more.
    static let packetsMax = 16

    private static let separator: Character = "\u{1E}"

    /// - Returns: nil for a malformed packet, none, and more than ``packetsMax``.
    static func packets(of text: String) -> [EngineIOPacket]? {
        let parts = text.split(
            separator: separator, maxSplits: packetsMax, omittingEmptySubsequences: false)
        guard parts.count <= packetsMax else { return nil }
        var packets: [EngineIOPacket] = []
        for part in parts {
            guard let packet = EngineIOPacket(text: part) else { return nil }
            packets.append(packet)
        }
        return packets
    }

    static func text(of packets: [EngineIOPacket]) -> String {
        packets.map(\.text).joined(separator: String(separator))
    }
}
