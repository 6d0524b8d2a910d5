import Modules
import NIOCore

/// A message with the time at which it was sent, which is at its end: it is found behind any envelope.
struct BenchMessage: Payload {
    var padding: String
    /// Nanoseconds of the monotonic clock, as 16 hexadecimal digits.
    var sent: String

    /// - Parameter bytes: of the padding.
    init(bytes: Int) {
        padding = String(repeating: "x", count: bytes)
        let digits = String(NIODeadline.now().uptimeNanoseconds, radix: 16)
        sent = String(repeating: "0", count: max(0, Self.digits - digits.count)) + digits
    }

    private static let digits = 16

    /// As JSON.
    var json: String { #"{"padding":"\#(padding)","sent":"\#(sent)"}"# }

    /// How long ago a message was sent by this process.
    /// - Returns: nil for another text.
    static func age(of message: ByteBuffer) -> Duration? {
        let bytes = message.readableBytesView
        guard let end = bytes.lastIndex(of: UInt8(ascii: "\"")), end - digits >= bytes.startIndex,
            let sent = UInt64(String(decoding: bytes[(end - digits)..<end], as: UTF8.self), radix: 16)
        else { return nil }
        return .nanoseconds(Int64(clamping: NIODeadline.now().uptimeNanoseconds &- sent))
    }
}
